/** What a WebSocket client sends before its handshake is answered: kept, within a bound, to go first once it is. */
import type { Socket } from 'node:net';

/** Most of it. */
const mostBytes = 64 * 1024;

/** Reads a socket until it is told to stop: a socket that is not read does not tell that its client has left. */
export class EarlyBytes {
  readonly #socket: Socket;
  #chunks: Buffer[];
  #size = 0;

  /** @param head what came in the same read as the handshake */
  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    this.#chunks = head.length > 0 ? [head] : [];
    socket.on('data', this.#keep);
    socket.on('end', this.#leave);
  }

  /** Stops reading and gives back what came, in its place: before what will come. */
  giveBack(): void {
    this.stop();
    if (this.#chunks.length > 0) this.#socket.unshift(Buffer.concat(this.#chunks));
    this.#chunks = [];
  }

  /** Stops reading. */
  stop(): void {
    this.#socket.off('data', this.#keep);
    this.#socket.off('end', this.#leave);
    this.#socket.pause();
  }

  readonly #keep = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > mostBytes) this.#socket.destroy();
  };

  readonly #leave = (): void => {
    this.#socket.destroy();
  };
}
