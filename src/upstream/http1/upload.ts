/** Sends a body that comes piece by piece, at the pace of the upstream's socket. */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { wrongLength } from './request-head.ts';

/** Who is told how it goes. */
export interface UploadOwner {
  /** A piece has been handed to the socket. */
  uploaded(): void;
  /** Its stream has failed, or is not as long as announced. */
  uploadFailed(error: Error): void;
  /** The socket takes no more; it is about to say so itself and to close. */
  refused(error: Error): void;
}

/** See the module. */
export class Upload {
  done = false;
  readonly #socket: Socket;
  readonly #body: Readable;
  readonly #owner: UploadOwner;
  /** Bytes that are still to come; undefined: the body is chunked. */
  #left: number | undefined;
  #stopped = false;
  readonly #written: (error?: Error | null) => void;

  /** @param length undefined: sent in chunks */
  constructor(socket: Socket, body: Readable, length: number | undefined, owner: UploadOwner) {
    this.#socket = socket;
    this.#body = body;
    this.#left = length;
    this.#owner = owner;
    this.#written = (error) => {
      if (error && !this.#stopped) owner.refused(error);
    };
    body.on('data', (chunk: Buffer) => this.#send(chunk));
    body.on('end', () => this.#end());
    body.on('error', (error) => this.#fail(error));
    body.on('close', () => this.#fail(new Error('the body was given up')));
  }

  /** The socket takes more. */
  drained(): void {
    if (!this.#stopped) this.#body.resume();
  }

  /** Sends no more of it. */
  stop(): void {
    this.#stopped = true;
    this.#body.pause();
  }

  #send(chunk: Buffer): void {
    if (this.#stopped || chunk.length === 0) return;
    let ready: boolean;
    if (this.#left === undefined) {
      this.#socket.cork();
      this.#socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
      this.#socket.write(chunk);
      ready = this.#socket.write('\r\n', 'latin1', this.#written);
      this.#socket.uncork();
    } else {
      this.#left -= chunk.length;
      if (this.#left < 0) {
        this.#fail(wrongLength());
        return;
      }
      ready = this.#socket.write(chunk, this.#written);
    }
    if (!ready) this.#body.pause();
    this.#owner.uploaded();
  }

  #end(): void {
    if (this.#stopped) return;
    if ((this.#left ?? 0) !== 0) {
      this.#fail(wrongLength());
      return;
    }
    if (this.#left === undefined) this.#socket.write('0\r\n\r\n', 'latin1', this.#written);
    this.done = true;
  }

  #fail(error: Error): void {
    if (this.#stopped || this.done) return;
    this.stop();
    this.#owner.uploadFailed(error);
  }
}
