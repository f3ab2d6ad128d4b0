/** How late this process's timers were: what is measured in it is no later than that for a reason of its own. */
const every = 20;

/** Watches until it is stopped. */
export class LagWatch {
  readonly #late: { at: number; ms: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #expected = performance.now() + every;
  /** The latest that a timer was, in milliseconds. */
  worst = 0;

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      const ms = now - this.#expected;
      this.#expected = now + every;
      this.worst = Math.max(this.worst, ms);
      if (ms > 2) this.#late.push({ at: now, ms });
      if (this.#late.length > 100_000) this.#late.splice(0, 50_000);
    }, every);
  }

  /** The lateness between two moments, summed: each may have delayed every step of what happened meanwhile. */
  between(from: number, to: number): number {
    let sum = 0;
    for (let i = this.#late.length - 1; i >= 0; i--) {
      const { at, ms } = this.#late[i] as { at: number; ms: number };
      if (at < from) break;
      if (at - ms <= to) sum += ms;
    }
    return sum;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
