/**
 * How long somebody waits for Redis: one timer for all who wait, as all wait equally long. What is late is told all at
 * once, for a store that is late for one is late for all.
 */

/** One who waits. */
export interface Patient {
  /** By `performance.now()`; infinite until what is asked has left the process, at the end of the event loop's turn. */
  deadline: number;
}

/** See the module. */
export class Patience<P extends Patient> {
  readonly #milliseconds: number;
  readonly #late: (late: readonly P[]) => void;
  /** In the order of their deadlines. */
  readonly #waiting = new Set<P>();
  /** Those of them that began to wait in this turn. */
  #fresh: P[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param late told who is late; they wait on until {@link end} or {@link endAll} */
  constructor(milliseconds: number, late: (late: readonly P[]) => void) {
    this.#milliseconds = milliseconds;
    this.#late = late;
  }

  start(one: P): void {
    one.deadline = Number.POSITIVE_INFINITY;
    this.#waiting.add(one);
    // If the turn lasts long, that is no fault of Redis.
    if (this.#fresh.push(one) === 1) setImmediate(() => this.#left());
  }

  has(one: P): boolean {
    return this.#waiting.has(one);
  }

  /** Ends one's wait; false when it had been ended before. */
  end(one: P): boolean {
    return this.#waiting.delete(one);
  }

  /** Ends the wait of all, and returns them. */
  endAll(): P[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #left(): void {
    const deadline = performance.now() + this.#milliseconds;
    for (const one of this.#fresh) one.deadline = deadline;
    this.#fresh = [];
    if (this.#waiting.size > 0) this.#arm(this.#milliseconds);
  }

  #arm(delayMs: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      // If this process was held up, replies may lie unread in the socket: read them before judging, and judge only
      // what was late already, as one more hold-up may come in between.
      const fired = performance.now();
      setImmediate(() => this.#judge(fired));
    }, delayMs);
    this.#timer.unref();
  }

  #judge(at: number): void {
    this.#timer = undefined;
    const late: P[] = [];
    for (const oldest of this.#waiting) {
      // Node's timers may fire up to a millisecond early.
      if (oldest.deadline <= at + 1) late.push(oldest);
      else if (late.length > 0) break;
      else {
        const leftMs = Math.ceil(oldest.deadline - performance.now());
        if (Number.isFinite(leftMs)) this.#arm(Math.max(1, leftMs));
        return;
      }
    }
    if (late.length > 0) this.#late(late);
  }
}
