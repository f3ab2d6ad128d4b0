/**
 * Drops `100 Continue` responses that nobody asked for (RFC 9110 §15.2.1 lets a client discard them): Expect is answered
 * by Sluice and never sent, and undici takes such a response for a broken connection.
 */
import type { Socket } from 'node:net';

const start = 'HTTP/1.1 100';
/** No interim head is longer; what is goes to the parser, which refuses it. */
const longest = 8 * 1024;

/** Stands before the parser of one connection. */
export class DropContinue {
  #expecting = false;
  #held: Buffer | undefined;

  /** Takes over how the socket is read; before its parser is attached. */
  constructor(socket: Socket) {
    const read = socket.read;
    socket.read = (size?: number): Buffer | null => this.#pass(read.call(socket, size) as Buffer | null);
  }

  /** A request has been sent: what comes next is the head of a response. */
  expectHead(): void {
    this.#expecting = true;
    this.#held = undefined;
  }

  #pass(chunk: Buffer | null): Buffer | null {
    if (!this.#expecting || chunk === null) return chunk;
    let bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    for (;;) {
      const begins = bytes.toString('latin1', 0, start.length);
      if (begins !== start.slice(0, begins.length)) {
        this.#expecting = false;
        return bytes;
      }
      const end = begins.length < start.length ? -1 : bytes.indexOf('\r\n\r\n');
      if (end < 0) {
        if (bytes.length > longest) {
          this.#expecting = false;
          return bytes;
        }
        this.#held = bytes;
        return null;
      }
      bytes = bytes.subarray(end + 4);
      if (bytes.length === 0) return null;
    }
  }
}
