/** The client's eyes: reads responses and compares each byte of body with what the upstream would send. */
import type { Exchange } from './exchange.ts';
import { serverFrames } from './frames.ts';
import { type Framing, field, type Head, MessageReader } from './message-reader.ts';
import { buildWire, marker } from './wire.ts';

const keptExtra = 8 * 1024;

/** See the module. */
export class ClientReader {
  readonly #exchange: Exchange;
  readonly #reader: MessageReader;
  /** The whole body, should it come from the upstream. */
  readonly expected: Buffer;
  status = 0;
  complete = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    const { script } = exchange;
    this.expected = script.kind === 'websocket' ? serverFrames(script) : buildWire(script, 0).body;
    this.#reader = new MessageReader({
      head: (head) => this.#head(head),
      body: (bytes) => this.#body(bytes),
      end: (trailers) => {
        this.complete = true;
        exchange.client.trailers = trailers;
      },
    });
  }

  push(bytes: Buffer): void {
    const { client, script } = this.#exchange;
    if (this.complete) {
      client.surplus += bytes.length;
      return;
    }
    const rest = this.#reader.push(bytes);
    client.surplus += rest?.length ?? 0;
    client.broken = this.#reader.problem;
    if (script.kind === 'websocket' && this.status === 101 && client.matched === this.expected.length)
      this.complete = true;
  }

  /** Whether nothing more can come on this connection after the response. */
  get closing(): boolean {
    const { head } = this.#exchange.client;
    return (
      /close/i.test(field(head, 'connection') ?? '') ||
      this.#exchange.script.request.version === '1.0' ||
      this.#reader.untilClose
    );
  }

  /** Whether a FIN now would look like the response's end. */
  get endsWithConnection(): boolean {
    return this.#reader.untilClose && this.status !== 101;
  }

  #head(head: Head): Framing | 'interim' {
    const { client, script } = this.#exchange;
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head.startLine)?.[1] ?? 0);
    if (status > 99 && status < 200 && !(status === 101 && script.kind === 'websocket')) {
      client.interim++;
      return 'interim';
    }
    client.head = head;
    this.status = status;
    if (status === 101) return 'until-close';
    // A head that was broken off does not say that it is a HEAD.
    const bodyless = script.request.method === 'HEAD' && client.headSent;
    if (bodyless || status === 204 || status === 304) return 0;
    if (/chunked/i.test(field(head, 'transfer-encoding') ?? '')) return 'chunked';
    const length = field(head, 'content-length');
    return length === undefined ? 'until-close' : Number(length);
  }

  #body(bytes: Buffer): void {
    const { client } = this.#exchange;
    let rest = bytes;
    // A refusal of Sluice's own is no part of what the upstream would send.
    if (client.extra.length === 0 && field(client.head, marker) !== undefined) {
      const agreed = this.#agreed(bytes);
      client.matched += agreed;
      rest = bytes.subarray(agreed);
    }
    if (rest.length > 0 && client.extra.length < keptExtra) client.extra = Buffer.concat([client.extra, rest]);
  }

  #agreed(bytes: Buffer): number {
    const expected = this.expected.subarray(
      this.#exchange.client.matched,
      this.#exchange.client.matched + bytes.length,
    );
    if (expected.equals(bytes)) return bytes.length;
    let same = 0;
    while (same < expected.length && expected[same] === bytes[same]) same++;
    return same;
  }
}
