/** Reading an answer on for a client that has left, within bounds: for those who want the whole of it accounted for. */
export class Drain {
  readonly #over: () => void;
  readonly #timer: NodeJS.Timeout;
  #bytesLeft: number;

  /** @param over called when the bounds are reached, at most once */
  constructor(bounds: { readonly maxMs: number; readonly maxBytes: number }, over: () => void) {
    this.#over = over;
    this.#bytesLeft = bounds.maxBytes;
    this.#timer = setTimeout(over, bounds.maxMs);
  }

  take(bytes: number): void {
    this.#bytesLeft -= bytes;
    if (this.#bytesLeft < 0) this.#over();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
