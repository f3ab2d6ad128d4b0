/** A request's body on its way upstream: gives what it is fed, at the pace of who reads it. */
import { Readable } from 'node:stream';

/** See the module. */
export class BodyStream extends Readable {
  /** Whether more is wanted. */
  hungry = false;
  #finished = false;
  readonly #more: () => void;

  constructor(more: () => void) {
    super({ highWaterMark: 64 * 1024 });
    this.#more = more;
  }

  /** Whether it waits for its client: whoever reads it has taken all that came. */
  get starved(): boolean {
    return this.hungry && !this.#finished;
  }

  give(chunk: Buffer): void {
    this.hungry = this.push(chunk);
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.push(null);
  }

  override _read(): void {
    this.hungry = true;
    this.#more();
  }
}
