/** Asks again and again for those who wait: one timer for the process, and a bounded number of questions each time. */

/** Between two rounds, in milliseconds; drawn anew each time, so that replicas do not ask in step. */
const SHORTEST_MS = 25;
const LONGEST_MS = 75;
/** Most keys of one round; the others come next, in turn. */
const KEYS = 64;

/** See the module. */
export class TurnPoll<Key> {
  readonly #ask: (key: Key) => void;
  readonly #keys = new Set<Key>();
  #timer: NodeJS.Timeout | undefined;

  /** @param ask asks for one key; whoever still waits then is added again */
  constructor(ask: (key: Key) => void) {
    this.#ask = ask;
  }

  add(key: Key): void {
    this.#keys.add(key);
    this.#arm();
  }

  remove(key: Key): void {
    this.#keys.delete(key);
  }

  clear(): void {
    this.#keys.clear();
  }

  stop(): void {
    this.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => this.#round(), SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS));
  }

  #round(): void {
    this.#timer = undefined;
    const round: Key[] = [];
    for (const key of this.#keys) {
      round.push(key);
      if (round.length === KEYS) break;
    }
    for (const key of round) {
      this.#keys.delete(key);
      this.#ask(key);
    }
    if (this.#keys.size > 0) this.#arm();
  }
}
