/** Waits until nothing runs any more. */

const lookEveryMs = 20;

/** See the module. */
export class Idle {
  readonly #running: { readonly size: number };
  #stop: (() => void) | undefined;

  constructor(running: { readonly size: number }) {
    this.#running = running;
  }

  /** Resolves when nothing runs, after so many milliseconds, or when somebody is in a hurry. */
  async within(milliseconds: number): Promise<void> {
    if (this.#running.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stop = resolve;
    const deadline = setTimeout(resolve, milliseconds);
    const poll = setInterval(() => this.#running.size === 0 && resolve(), lookEveryMs);
    await promise;
    clearTimeout(deadline);
    clearInterval(poll);
  }

  /** Ends the present wait. */
  hurry(): void {
    this.#stop?.();
  }
}
