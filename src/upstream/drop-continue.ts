/**
 * Drops `100 Continue` responses that nobody asked for (RFC 9110 §15.2.1 lets a client discard them): Expect is answered
 * by Sluice and never sent, and undici takes such a response for a broken connection.
 */
import type { Socket } from 'node:net';

const interim = 'HTTP/1.1 1';
/** Enough of a status line to tell its status. */
const statusLine = 'HTTP/1.1 100'.length;
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
    const passed: Buffer[] = [];
    while (bytes.length > 0) {
      const line = bytes.toString('latin1', 0, statusLine);
      const isInterim = line.slice(0, interim.length) === interim.slice(0, line.length);
      // A final head, or a switch of protocols: what follows is not ours to read.
      if (!isInterim || line.endsWith(' 101')) {
        this.#expecting = false;
        passed.push(bytes);
        break;
      }
      const end = line.length < statusLine ? -1 : bytes.indexOf('\r\n\r\n');
      if (end < 0) {
        if (bytes.length > longest) {
          this.#expecting = false;
          passed.push(bytes);
        } else {
          this.#held = bytes;
        }
        break;
      }
      if (!line.endsWith(' 100')) passed.push(bytes.subarray(0, end + 4));
      bytes = bytes.subarray(end + 4);
    }
    return passed.length === 0 ? null : passed.length === 1 ? (passed[0] as Buffer) : Buffer.concat(passed);
  }
}
