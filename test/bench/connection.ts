/**
 * A connection of the bench's client: as little as HTTP/1.1 needs, so that the load costs less than what it is put on. It
 * fails loudly when an answer is not a whole 200.
 */
import { connect, type Socket } from 'node:net';

/** What all connections have received: events of streams that came whole, and reads that brought parts of a body. */
export const received = { events: 0, reads: 0 };

const headEnd = Buffer.from('\r\n\r\n');
const chunkedEnd = Buffer.from('0\r\n\r\n');
const eventEnd = Buffer.from('\n\n');
const none = Buffer.alloc(0);
const LINE_FEED = 10;

/** See the module. One request at a time. */
export class Connection {
  readonly #socket: Socket;
  #head: Buffer = none;
  #tail: Buffer = none;
  /** Bytes of the body that are still to come; undefined: it is chunked. */
  #left: number | undefined;
  #inBody = false;
  #firstAt = 0;
  #first: (() => void) | undefined;
  #done: ((firstAt: number) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #failure: Error | undefined;

  constructor(url: URL) {
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.#socket.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#socket.on('error', (error) => this.fail(error));
    this.#socket.on('close', () => this.fail(new Error('the connection was closed')));
  }

  /** Nothing can be sent any more. */
  get closed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Resolves when the answer is whole, to the time (of `performance.now()`) at which the first bytes of its body came.
   * `first` is called with them.
   */
  send(request: Buffer, first?: () => void): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#done = resolve;
      this.#failed = reject;
      this.#first = first;
      this.#inBody = false;
      this.#head = none;
      this.#tail = none;
      this.#firstAt = 0;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  /** Ends it, and the request that runs fails. */
  fail(error: Error): void {
    this.#failure ??= error;
    const failed = this.#failed;
    this.#done = undefined;
    this.#failed = undefined;
    this.#socket.destroy();
    failed?.(error);
  }

  #take(bytes: Buffer): void {
    if (this.#inBody) {
      this.#body(bytes);
      return;
    }
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const end = this.#head.indexOf(headEnd);
    if (end < 0) return;
    const head = this.#head.toString('latin1', 0, end);
    if (!head.startsWith('HTTP/1.1 200')) {
      this.fail(new Error(`an answer begins with ${head.split('\r\n', 1)[0]}`));
      return;
    }
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#left = length === undefined ? undefined : Number(length);
    this.#inBody = true;
    this.#body(this.#head.subarray(end + headEnd.length));
  }

  #body(bytes: Buffer): void {
    if (bytes.length === 0) return;
    received.reads++;
    if (this.#firstAt === 0) {
      this.#firstAt = performance.now();
      this.#first?.();
    }
    if (this.#left !== undefined) {
      this.#left -= bytes.length;
      if (this.#left <= 0) this.#end();
      return;
    }
    this.#countEvents(bytes);
    // The end of a chunked body may come in pieces.
    this.#tail = bytes.length >= chunkedEnd.length ? bytes : Buffer.concat([this.#tail.subarray(-8), bytes]);
    if (this.#tail.subarray(-chunkedEnd.length).equals(chunkedEnd)) this.#end();
  }

  /** No framing of chunks has two line feeds in a row, the end of an event has. */
  #countEvents(bytes: Buffer): void {
    if (bytes[0] === LINE_FEED && this.#tail.at(-1) === LINE_FEED) received.events++;
    for (let at = bytes.indexOf(eventEnd); at >= 0; at = bytes.indexOf(eventEnd, at + 2)) received.events++;
  }

  #end(): void {
    const done = this.#done;
    this.#done = undefined;
    this.#failed = undefined;
    done?.(this.#firstAt);
  }
}
