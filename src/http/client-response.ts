/** The client's side of a response: the head as soon as it is known, bytes as they come, and an honest ending (law 2). */
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { HeaderList } from './headers.ts';
import { resetSocket } from './refuse-raw.ts';
import type { RenderedReply } from './reply.ts';
import { sendWithHead, writeChunk, writeHead } from './response-head.ts';
import { SseTail } from './sse-tail.ts';

/** A client that reads nothing of its response. */
export interface StallGuard {
  /** Milliseconds without progress after which `stalled` is called; 0: never. */
  readonly stallMs: number;
  stalled(): void;
}

/** See the module. */
export class ClientResponse {
  readonly #res: ServerResponse;
  readonly #guard: StallGuard | undefined;
  /** Follows the bytes of an event stream into which an error event may be written; undefined for any other response. */
  #tail: SseTail | undefined;
  /** Only the closing of the connection marks the response's end (HTTP/1.0). */
  #closeDelimited = false;
  #pending = 0;
  #draining = false;
  /** The head waits for the first bytes, which leave with it. */
  #headWaits = false;
  /** They are only lent: whoever has given them flushes before they are overwritten. */
  #first: Buffer | undefined;

  constructor(res: ServerResponse, guard?: StallGuard) {
    this.#res = res;
    this.#guard = guard !== undefined && guard.stallMs > 0 ? guard : undefined;
    // Writing to a socket that has just died raises `error`; the exchange learns of it by `close`.
    res.on('error', ignore);
  }

  get headSent(): boolean {
    return this.#res.headersSent;
  }

  /** Whether the client has been given everything. */
  get finished(): boolean {
    return this.#res.writableFinished;
  }

  /**
   * Bytes (framing included) that the kernel had not taken when the client was last found to read too slowly; 0 when it
   * has caught up. A closed socket does not tell any more.
   */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Writes the head; it leaves with the first bytes when they were read together with it, else with {@link flush}. Throws
   * when Node refuses a field.
   */
  writeHead(status: number, statusText: string, headers: HeaderList): void {
    const res = this.#res;
    // A phrase that cannot be written is left out; it means nothing (RFC 9112 §4).
    const phrase = statusText === '' || illegalPhrase.test(statusText) ? STATUS_CODES[status] : statusText;
    writeHead(res, status, phrase ?? 'unknown', headers);
    this.#closeDelimited = !res.chunkedEncoding && !headers.has('content-length');
    const inBand =
      headers.get('content-type')?.startsWith('text/event-stream') === true &&
      !headers.has('content-encoding') &&
      !headers.has('content-length');
    if (inBand) this.#tail = new SseTail();
    this.#headWaits = true;
  }

  /** Hands over bytes, which are only lent; false when the client reads more slowly than the upstream writes. */
  write(chunk: Buffer): boolean {
    this.#tail?.push(chunk);
    if (this.#headWaits && this.#first === undefined) {
      this.#first = chunk;
      return true;
    }
    this.flush();
    // Straight to the socket and in one buffer: Node would write four, and in a later tick.
    const { socket } = this.#res;
    if (socket === null || socket.destroyed) return true;
    return writeChunk(socket, chunk, this.#res.chunkedEncoding);
  }

  /** Sends a head, and the bytes that leave with it. */
  flush(): void {
    if (!this.#headWaits) return;
    const first = this.#first;
    this.#headWaits = false;
    this.#first = undefined;
    if (this.#res.destroyed || this.#res.writableEnded) return;
    if (first === undefined) this.#res.flushHeaders();
    else sendWithHead(this.#res, first);
  }

  /** Calls back once, when the client has caught up; what is asked for meanwhile is not called. */
  onceDrained(callback: () => void): void {
    // TLS hands over what it has decrypted although it was told to pause: a hundred records, each of which would listen.
    if (this.#draining) return;
    this.#draining = true;
    this.#watch();
    this.#res.socket?.once('drain', () => {
      this.#draining = false;
      this.#pending = 0;
      if (this.#guard !== undefined) this.#res.setTimeout(0);
      callback();
    });
  }

  /** Node's own timer of a socket counts what the kernel takes, also of a write that is under way. */
  #watch(): void {
    this.#pending = this.#res.socket?.writableLength ?? 0;
    if (this.#guard === undefined) return;
    if (this.#res.listenerCount('timeout') === 0) this.#res.on('timeout', () => this.#guard?.stalled());
    this.#res.setTimeout(this.#guard.stallMs);
  }

  /** What has been ended and not been taken yet is watched too. */
  #watchRest(): void {
    if ((this.#res.socket?.writableLength ?? 0) > 0) this.#watch();
  }

  /** The response is whole. */
  end(trailers: string[]): void {
    const first = this.#first;
    if (first !== undefined && first.length <= joined && this.#res.chunkedEncoding && trailers.length === 0) {
      // All of it is here: as text it goes in one piece with the head and the last chunk.
      this.#headWaits = false;
      this.#first = undefined;
      this.#res.end(first.toString('latin1'), 'latin1');
      this.#watchRest();
      return;
    }
    this.flush();
    if (trailers.length > 0 && this.#res.chunkedEncoding) {
      const pairs: [string, string][] = [];
      for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i] ?? '', trailers[i + 1] ?? '']);
      this.#res.addTrailers(pairs);
    }
    this.#res.end();
    this.#watchRest();
  }

  /** Whether an error event can still be written: an open event stream, cut exactly between two events and before its end. */
  get canEndInBand(): boolean {
    return this.#tail?.atBoundary === true && !this.#tail.terminated && !this.#res.destroyed;
  }

  /** Ends an event stream with its dialect's error event and without its terminator. */
  endInBand(event: string): void {
    this.flush();
    this.#res.end(event);
    this.#watchRest();
  }

  /** Destroys the connection, so that the response cannot look complete. */
  destroy(): void {
    this.flush();
    const { socket } = this.#res;
    // There a FIN would look like a whole response: reset instead.
    if (this.#closeDelimited && socket !== null) resetSocket(socket);
    this.#res.destroy();
  }

  /** Sends an answer of our own. */
  reply(reply: RenderedReply, requestId: string): void {
    reply.headers.put('x-sluice-request-id', 'x-sluice-request-id', requestId);
    // Explicitly: a head of the upstream that could not be written leaves its phrase behind.
    this.#res.writeHead(reply.status, STATUS_CODES[reply.status] ?? '', reply.headers.flat);
    if (this.#res.req.method === 'HEAD') this.#res.end();
    else this.#res.end(reply.body);
  }

  /** Lets the connection serve nothing more: behind the answer goes a FIN, and whoever lingers closes it in the end. */
  endConnection(): void {
    const { socket } = this.#res.req;
    this.#res.shouldKeepAlive = false;
    // Node would close at once, with a reset because bytes lie unread, which may overtake the answer.
    socket.destroySoon = end;
    // Node calls that only where the head had not been written yet.
    if (this.finished) socket.end();
    else this.#res.once('finish', () => socket.end());
  }

  /** Tells the client to send its body (Expect: 100-continue). */
  continue(): void {
    if (!this.#res.headersSent && !this.#res.destroyed) this.#res.writeContinue();
  }

  /** Passes on 102 and 103. What Node cannot write (103 without Link) is left out: informational responses are optional. */
  inform(status: number, headers: HeaderList): void {
    if (this.#res.headersSent || this.#res.req.httpVersion !== '1.1') return;
    // They are optional: a client that does not read must not have them heaped up.
    if (this.#res.socket?.writableNeedDrain === true) return;
    try {
      if (status === 102) this.#res.writeProcessing();
      else if (status === 103) this.#res.writeEarlyHints({ ...grouped(headers), link: [...headers.getAll('link')] });
    } catch {
      // An illegal Link value: the final response is what counts.
    }
  }
}

/** Up to so many bytes go in one piece with the head and the last chunk. */
const joined = 16 * 1024;
const illegalPhrase = /[^\t\x20-\x7e\x80-\xff]/;

/** One pass: an upstream may send thousands of lines, and to look for each among all would take seconds. */
function grouped({ flat, keys }: HeaderList): Record<string, string> {
  const fields = new Map<string, string>();
  for (const [i, key] of keys.entries()) {
    const value = flat[2 * i + 1] ?? '';
    const before = fields.get(key);
    fields.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  // An informational response has no content (RFC 9110 §8.6), and whoever believed a length would take the next head for it.
  fields.delete('content-length');
  return Object.fromEntries(fields);
}

function ignore(): void {}

function end(this: Socket): void {
  this.end();
}
