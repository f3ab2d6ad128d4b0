/**
 * One HTTP/1.1 connection to an upstream: one request at a time, no pipelining. What was read is only lent, to it and to
 * whoever it tells, for all connections are read into the same memory; a response that is not exactly HTTP/1.1 fails and closes it.
 */
import type { Socket } from 'node:net';
import type { HeaderList } from '../../http/headers.ts';
import type { Indexed } from '../../resources/indexed-list.ts';
import { writeAsOne } from '../../resources/one-write.ts';
import { type BodyLength, bodyLength, keptFor } from './body-length.ts';
import { ChunkedDecoder } from './chunked.ts';
import { HeldHead } from './held-head.ts';
import { readLastWords } from './last-words.ts';
import { ClosedError, ProtocolError } from './protocol-error.ts';
import { type RequestMessage, requestHead } from './request-head.ts';
import { checkBeginning, longestStatusLine, parseHead, type ResponseHead } from './response-head.ts';
import { Upload, type UploadOwner } from './upload.ts';

/** Who is told of one response. What it throws fails the request. */
export interface ResponseHandler {
  /** A piece of a body that is streamed has been handed to the socket. */
  bodySent(): void;
  /** An informational response other than 100 and 101. */
  informed(head: ResponseHead): void;
  head(head: ResponseHead): void;
  /** A piece of the body, only lent. */
  data(bytes: Buffer): void;
  /** All that was read has been told: what is to go on should go now. Not after an end. */
  told(): void;
  /** The response is whole. */
  ended(trailers: HeaderList | undefined): void;
  /**
   * There is no response, or not all of it.
   * @param untouched whether not one byte of it has come
   */
  failed(error: Error, untouched: boolean): void;
}

/** The pool it belongs to. */
export interface ConnectionOwner {
  /** It has served a request and can serve another for so many milliseconds. */
  released(connection: Http1Connection, idleMs: number): void;
  /** It cannot be used any more. Called once. */
  lost(connection: Http1Connection): void;
}

/** How one upstream is spoken to. */
export interface Origin {
  /** The Host field with its line break. */
  readonly host: string;
  /** Milliseconds that an idle connection is kept at most. */
  readonly idleMs: number;
}

const common = 'connection: keep-alive\r\n';
const longestHead = 64 * 1024;
/** Up to so many bytes of a body go in one piece with the head. */
const joined = 64 * 1024;
const headEnd = Buffer.from('\r\n\r\n');

/** See the module. */
export class Http1Connection implements UploadOwner, Indexed {
  listIndex = -1;
  readonly openedAt = performance.now();
  /** When something was last read, or it was opened (`performance.now()`). */
  readAt = this.openedAt;
  /** When it has been idle for too long; kept by its pool. */
  idleUntil = 0;
  /** Whole responses that it has brought. */
  served = 0;

  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #origin: Origin;
  #handler: ResponseHandler | undefined;
  #method = '';
  #upload: Upload | undefined;
  #touched = false;
  #held: HeldHead | undefined;
  /** Undefined while the head is awaited. */
  #length: BodyLength | undefined;
  #decoder: ChunkedDecoder | undefined;
  #keptFor = 0;
  #lost = false;

  constructor(socket: Socket, origin: Origin, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#origin = origin;
    this.#owner = owner;
    socket.on('drain', () => this.#upload?.drained());
    socket.on('end', () => this.#closed());
    socket.on('error', (error) => this.#fail(new ClosedError(error)));
    socket.on('close', () => this.#fail(new ClosedError()));
  }

  /** Whether a request can be sent now; `maxAge` in milliseconds, 0: any. */
  usable(now: number, maxAge: number): boolean {
    const young = maxAge === 0 || now - this.openedAt < maxAge;
    return young && now < this.idleUntil && !this.#lost && !this.#socket.destroyed && this.#socket.writable;
  }

  get paused(): boolean {
    return this.#socket.isPaused();
  }

  /**
   * Sends a request; only while it is idle.
   * @throws ProtocolError when the request cannot be sent; then nothing was, and it is still idle
   */
  send(message: RequestMessage, handler: ResponseHandler): void {
    const head = requestHead(message, this.#origin.host, common);
    this.#handler = handler;
    this.#method = message.method;
    this.#touched = false;
    this.#length = undefined;
    this.#keptFor = 0;
    const { body } = message;
    if (body === null) this.#socket.write(head, 'latin1');
    else if (Buffer.isBuffer(body)) this.#write(head, body);
    else {
      this.#socket.write(head, 'latin1');
      const length = message.headers.get('content-length');
      this.#upload = new Upload(this.#socket, body, length === undefined ? undefined : Number(length), this);
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#lost) this.#socket.resume();
  }

  /** Closes it. Nobody is told of the response. */
  destroy(): void {
    this.#handler = undefined;
    this.#lose();
  }

  /** Closes it; its request fails. */
  close(error: Error): void {
    this.#fail(error);
  }

  uploaded(): void {
    this.#handler?.bodySent();
  }

  uploadFailed(error: Error): void {
    this.#fail(error);
  }

  refused(error: NodeJS.ErrnoException): void {
    const ended = readLastWords(this.#socket, (bytes) => this.read(bytes));
    // A broken pipe is a reset behind a FIN; behind any other the end that was read is the reset's own.
    if (ended && error.code === 'EPIPE') this.#closed();
  }

  /** Takes what was read. It may write over the bytes, and keeps none of them. */
  read(bytes: Buffer): void {
    if (this.#lost) return;
    if (this.#handler === undefined) {
      // Nobody has asked: what would be taken for an answer to the next request.
      this.#lose();
      return;
    }
    this.#touched = true;
    this.readAt = performance.now();
    try {
      let rest: Buffer | undefined = bytes;
      while (rest !== undefined) rest = this.#length === undefined ? this.#readHead(rest) : this.#readBody(rest);
      this.#handler?.told();
    } catch (error) {
      // What came before it in the same read goes on all the same.
      this.#handler?.told();
      this.#fail(error instanceof Error ? error : new Error(`${error}`));
    }
  }

  #write(head: string, body: Buffer): void {
    if (body.length > joined) {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(body);
      this.#socket.uncork();
    } else writeAsOne(this.#socket, head, body);
  }

  /** Returns what is behind the head, if anything is. */
  #readHead(bytes: Buffer): Buffer | undefined {
    let end = this.#held === undefined ? bytes.indexOf(headEnd) : -1;
    let all = bytes;
    if (end < 0) {
      this.#held ??= new HeldHead();
      const behind = this.#held.add(bytes);
      if (behind < 0) {
        if (this.#held.length > longestHead) throw new ProtocolError('the response head is too large');
        // What is no HTTP should not be waited for.
        checkBeginning(this.#held.all.toString('latin1', 0, longestStatusLine));
        return undefined;
      }
      all = this.#held.all;
      end = behind - 4;
      this.#held = undefined;
    }
    if (end > longestHead) throw new ProtocolError('the response head is too large');
    this.#headed(parseHead(all.toString('latin1', 0, end + 2)));
    if (this.#lost || this.#handler === undefined) return undefined;
    return this.#ifMore(all, end + 4);
  }

  #headed(head: ResponseHead): void {
    const { status } = head;
    if (status < 200) {
      // Expect is never sent: nobody waits for a 100 (RFC 9110 §15.2.1 lets a client discard it). Nor was a switch asked for.
      if (status === 101) throw new ProtocolError('a switch of protocols that nobody asked for');
      if (status !== 100) this.#handler?.informed(head);
      return;
    }
    const length = bodyLength(head, this.#method);
    this.#length = length;
    this.#keptFor = length === 'until-close' ? 0 : keptFor(head, this.#origin.idleMs);
    this.#decoder = length === 'chunked' ? new ChunkedDecoder() : undefined;
    this.#handler?.head(head);
  }

  /** Called with nothing once, for a body that has no bytes. Returns what is behind it. */
  #readBody(bytes: Buffer): Buffer | undefined {
    if (this.#length === 'chunked') return this.#readChunks(bytes);
    if (this.#length === 'until-close') {
      if (bytes.length > 0) this.#handler?.data(bytes);
      return undefined;
    }
    const left = this.#length ?? 0;
    const count = Math.min(left, bytes.length);
    this.#length = left - count;
    if (bytes.length > count) this.#keptFor = 0;
    if (count > 0) this.#handler?.data(count === bytes.length ? bytes : bytes.subarray(0, count));
    if (count === left) this.#end(undefined);
    return undefined;
  }

  #readChunks(bytes: Buffer): undefined {
    const decoder = this.#decoder as ChunkedDecoder;
    const { data, taken, error } = decoder.decode(bytes);
    if (taken < bytes.length) this.#keptFor = 0;
    if (data > 0) this.#handler?.data(bytes.subarray(0, data));
    if (error !== undefined) throw error;
    if (decoder.done) this.#end(decoder.trailers());
  }

  /** A body without bytes ends with its head. */
  #ifMore(all: Buffer, from: number): Buffer | undefined {
    if (from < all.length || this.#length === 0) return all.subarray(from);
    return undefined;
  }

  #end(trailers: HeaderList | undefined): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    this.#handler = undefined;
    this.served++;
    // What the upstream has not taken of the request would lie before the next one, for ever if it reads no more of it.
    const early = this.#upload?.done === false || this.#socket.writableLength > 0;
    this.#upload?.stop();
    this.#upload = undefined;
    if (this.paused) this.#socket.resume();
    // Not writable: destroyed, or a write has failed.
    const idleMs = early || !this.#socket.writable || this.#socket.readableEnded ? 0 : this.#keptFor;
    try {
      handler.ended(trailers);
    } finally {
      if (idleMs > 0) this.#owner.released(this, idleMs);
      else this.#lose();
    }
  }

  /** The upstream has ended its side. */
  #closed(): void {
    if (this.#length === 'until-close') this.#end(undefined);
    else this.#fail(new ClosedError());
  }

  #fail(error: Error): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#lose();
    handler?.failed(error, !this.#touched);
  }

  #lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#upload?.stop();
    this.#upload = undefined;
    this.#socket.destroy();
    this.#owner.lost(this);
  }
}
