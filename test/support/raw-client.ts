import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Arrivals } from './arrivals.ts';
import { closeAfter, type Scope } from './close-after.ts';
import { ChunkedDecoder, framingOf, headLength, type MessageHead, parseHead } from './http-message.ts';

export { type RequestOptions, type Response, request } from './request.ts';

/** How a connection ended: the peer's FIN, a reset (or another socket error), or we closed it first. */
export type ClosedBy = 'fin' | 'reset' | 'local';

/** A response read by {@link RawClient.response}. */
export interface RawResponse {
  readonly head: MessageHead;
  readonly status: number;
  readonly body: Buffer;
  /** True when the framing said that the body was whole; false when the connection closed before. */
  readonly complete: boolean;
}

/** A TCP client that sends what it is told to, byte for byte, and shows each read of its socket. */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection has ended for reading, and says how. */
  readonly closed: Promise<{ readonly by: ClosedBy; readonly at: number }>;
  readonly #reads = new Arrivals<Buffer | 'end'>();
  readonly #received: Buffer[] = [];

  /** Takes over a connected socket; use {@link connectRaw}. */
  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      this.#received.push(bytes);
      this.#reads.push(bytes);
    });
    this.closed = new Promise((resolve) => {
      const done = (by: ClosedBy) => {
        this.#reads.push('end');
        resolve({ by, at: performance.now() });
      };
      socket.once('end', () => done('fin'));
      socket.once('error', () => done('reset'));
      socket.once('close', () => done('local'));
    });
  }

  /** Sends bytes (text as latin1) and resolves once the kernel has taken them. */
  send(bytes: string | Buffer): Promise<void> {
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    return new Promise((resolve, reject) => this.socket.write(data, (error) => (error ? reject(error) : resolve())));
  }

  /** The next response head, interim (1xx) ones too. Rejects when the connection ends before. */
  async head(): Promise<MessageHead> {
    let bytes: Buffer = Buffer.alloc(0);
    for (;;) {
      const read = await this.chunk();
      if (read === undefined) throw new Error(`the connection ended in the head: ${JSON.stringify(bytes.toString())}`);
      bytes = Buffer.concat([bytes, read]);
      const end = headLength(bytes);
      if (end === -1) continue;
      if (end < bytes.length) this.#reads.unshift(bytes.subarray(end));
      return parseHead(bytes.subarray(0, end));
    }
  }

  /** The next read of the socket as it came, framing and all (or what {@link head} left of one); undefined at the end. */
  async chunk(): Promise<Buffer | undefined> {
    const read = await this.#reads.next();
    if (read !== 'end') return read;
    this.#reads.unshift('end');
    return undefined;
  }

  /** The body's bytes for each read that held some, decoded by the framing of `head`; returns whether it was whole. */
  async *bodyReads(head: MessageHead): AsyncGenerator<Buffer, boolean, void> {
    const framing = framingOf(head);
    const decoder = new ChunkedDecoder();
    let missing = typeof framing === 'number' ? framing : Number.POSITIVE_INFINITY;
    while (missing > 0) {
      const read = await this.chunk();
      if (read === undefined) return framing === 'until-close' && (await this.closed).by === 'fin';
      if (framing === 'chunked') {
        const data = Buffer.concat(decoder.push(read));
        if (data.length > 0) yield data;
        if (decoder.done) {
          if (decoder.rest.length > 0) this.#reads.unshift(decoder.rest);
          return true;
        }
      } else {
        const data = read.subarray(0, missing);
        missing -= data.length;
        if (data.length < read.length) this.#reads.unshift(read.subarray(data.length));
        yield data;
      }
    }
    return true;
  }

  /** The next final response, whole or as far as it came; interim ones are skipped. */
  async response(): Promise<RawResponse> {
    let head = await this.head();
    while (/^HTTP\/1\.1 1(?!01)\d\d/.test(head.startLine)) head = await this.head();
    const parts: Buffer[] = [];
    const reads = this.bodyReads(head);
    for (;;) {
      const { done, value } = await reads.next();
      if (done === true) {
        return { head, status: Number(head.startLine.split(' ')[1]), body: Buffer.concat(parts), complete: value };
      }
      parts.push(value);
    }
  }

  /** Resolves once `text` (latin1) is among what has been received; rejects when the connection ends before. */
  async arrival(text: string): Promise<void> {
    while (!this.received.includes(text, 0, 'latin1')) {
      if ((await this.chunk()) === undefined) throw new Error(`the connection ended before ${JSON.stringify(text)}`);
    }
  }

  /** Everything received so far. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** Sends FIN; the answer can still be read. */
  end(): void {
    this.socket.end();
  }

  /** Sends RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Stops reading, so that the peer feels backpressure; {@link resume} goes on. */
  pause(): void {
    this.socket.pause();
  }

  /** Reads again. */
  resume(): void {
    this.socket.resume();
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.socket.destroy();
  }
}

/** Connects to the host and port of a URL (http only) and is destroyed after the test. */
export async function connectRaw(url: string, options: { t?: Scope } = {}): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  await once(socket, 'connect');
  closeAfter(options.t, () => socket.destroy());
  return new RawClient(socket);
}
