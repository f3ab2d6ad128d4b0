/**
 * A connection of the bench's client: as little as HTTP/1.1 needs, so that the load costs less than what it is put on. It
 * fails loudly when an answer is not a whole 200.
 */
import { connect, type Socket } from 'node:net';

/** When parts of an answer came, in milliseconds of `performance.now()`. */
export interface Answered {
  readonly sentAt: number;
  /** The first bytes of the body. */
  readonly firstAt: number;
}

const headEnd = Buffer.from('\r\n\r\n');
const chunkedEnd = Buffer.from('0\r\n\r\n');
const none = Buffer.alloc(0);

/** The bytes of a request. */
export function requestBytes(url: URL, headers: Readonly<Record<string, string>>, body: string | Buffer): Buffer {
  const lines = Object.entries({
    host: url.host,
    'content-type': 'application/json',
    'content-length': `${Buffer.byteLength(body)}`,
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

/** See the module. One request at a time. */
export class Connection {
  readonly #socket: Socket;
  #head: Buffer = none;
  #tail: Buffer = none;
  /** Bytes of the body that are still to come; undefined: it is chunked. */
  #left: number | undefined;
  #inBody = false;
  #sentAt = 0;
  #firstAt = 0;
  #first: (() => void) | undefined;
  #done: ((answered: Answered) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  constructor(url: URL) {
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.#socket.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  /** Resolves when the answer is whole. `first` is called with its first bytes. */
  send(request: Buffer, first?: () => void): Promise<Answered> {
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
      this.#first = first;
      this.#inBody = false;
      this.#head = none;
      this.#tail = none;
      this.#firstAt = 0;
      this.#sentAt = performance.now();
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
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
      this.#fail(new Error(`an answer begins with ${head.split('\r\n', 1)[0]}`));
      return;
    }
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#left = length === undefined ? undefined : Number(length);
    this.#inBody = true;
    this.#body(this.#head.subarray(end + headEnd.length));
  }

  #body(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#firstAt === 0) {
      this.#firstAt = performance.now();
      this.#first?.();
    }
    if (this.#left !== undefined) {
      this.#left -= bytes.length;
      if (this.#left <= 0) this.#end();
      return;
    }
    // The end of a chunked body may come in pieces.
    this.#tail = bytes.length >= chunkedEnd.length ? bytes : Buffer.concat([this.#tail.subarray(-8), bytes]);
    if (this.#tail.subarray(-chunkedEnd.length).equals(chunkedEnd)) this.#end();
  }

  #end(): void {
    const done = this.#done;
    this.#done = undefined;
    this.#failed = undefined;
    done?.({ sentAt: this.#sentAt, firstAt: this.#firstAt });
  }

  #fail(error: Error): void {
    const failed = this.#failed;
    this.#done = undefined;
    this.#failed = undefined;
    failed?.(error);
  }
}
