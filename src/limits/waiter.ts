/** One request that waits for a slot, until exactly one thing has become of it. */
import type { Member } from './slot-crowd.ts';
import type { Queued } from './slot-lane.ts';
import type { SlotKey } from './slot-table.ts';
import type { Answer, Waiting } from './slots.ts';

/** See the module. */
export class Waiter implements Queued, Member {
  readonly key: SlotKey;
  readonly client: string;
  readonly priority: number;
  newerOfClient: this | undefined = undefined;
  olderOfClient: this | undefined = undefined;
  readonly #waiting: Waiting;
  readonly #since = performance.now();
  readonly #resolve: (answer: Answer) => void;
  readonly #left: () => void;
  readonly #timer: NodeJS.Timeout;

  /** @param giveUp told when the client has left or the time is up: it must take the waiter out and settle it */
  constructor(
    key: SlotKey,
    waiting: Waiting,
    timeoutMs: number,
    resolve: (answer: Answer) => void,
    giveUp: (waiter: Waiter, why: 'left' | 'timeout') => void,
  ) {
    this.key = key;
    this.client = waiting.client;
    this.priority = waiting.priority;
    this.#waiting = waiting;
    this.#resolve = resolve;
    this.#left = () => giveUp(this, 'left');
    waiting.signal.addEventListener('abort', this.#left, { once: true });
    this.#timer = setTimeout(() => giveUp(this, 'timeout'), timeoutMs);
  }

  /** Ends the wait; returns how long it took, in milliseconds. */
  settle(answer: Answer): number {
    clearTimeout(this.#timer);
    this.#waiting.signal.removeEventListener('abort', this.#left);
    const milliseconds = performance.now() - this.#since;
    this.#waiting.waited(milliseconds);
    this.#resolve(answer);
    return milliseconds;
  }
}
