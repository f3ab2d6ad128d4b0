/** Those who wait for the slots of one key, in the order in which they are to have them. */
import { MAX_PRIORITY } from './slots.ts';

/** What the order depends on. */
export interface Queued {
  readonly client: string;
  readonly priority: number;
}

/** Of so many turns one goes to a lower priority, so that no priority can keep another waiting for ever. */
const LOWER_TURN = 4;

/** Clients of one priority, who take turns; each one's requests in the order in which they came. */
type Level<W> = Map<string, Set<W>>;

/**
 * The higher priority goes first, but every fourth turn is one of the lower ones', which take turns too. Within a
 * priority clients take turns: one with a thousand requests waits as long for its second as all others for their first.
 */
export class SlotLane<W extends Queued> {
  readonly #levels: (Level<W> | undefined)[] = [];
  #size = 0;
  #turn = 0;
  /** The lower priority that had the last turn of its kind. */
  #lower = 0;

  get size(): number {
    return this.#size;
  }

  add(waiter: W): void {
    let level = this.#levels[waiter.priority];
    if (level === undefined) {
      level = new Map();
      this.#levels[waiter.priority] = level;
    }
    const line = level.get(waiter.client);
    if (line === undefined) level.set(waiter.client, new Set([waiter]));
    else line.add(waiter);
    this.#size++;
  }

  /** Takes out one who does not wait any more. */
  remove(waiter: W): void {
    const level = this.#levels[waiter.priority];
    const line = level?.get(waiter.client);
    if (level === undefined || line === undefined || !line.delete(waiter)) return;
    this.#size--;
    if (line.size === 0) level.delete(waiter.client);
    if (level.size === 0) this.#levels[waiter.priority] = undefined;
  }

  /** Takes out whose turn it is. */
  next(): W | undefined {
    const level = this.#levels[this.#whoseTurn()];
    if (level === undefined) return undefined;
    for (const [client, line] of level) {
      for (const waiter of line) {
        this.remove(waiter);
        // Behind the others of its priority.
        if (line.size > 0) {
          level.delete(client);
          level.set(client, line);
        }
        return waiter;
      }
    }
    return undefined;
  }

  #whoseTurn(): number {
    let highest = MAX_PRIORITY;
    while (highest > 0 && this.#levels[highest] === undefined) highest--;
    this.#turn = (this.#turn + 1) % LOWER_TURN;
    if (this.#turn !== 0 || highest === 0) return highest;
    // The next lower one below that of last time, from the top again after the lowest.
    for (let step = 1; step <= highest; step++) {
      const priority = (this.#lower - step + 2 * highest) % highest;
      if (this.#levels[priority] === undefined) continue;
      this.#lower = priority;
      return priority;
    }
    return highest;
  }
}
