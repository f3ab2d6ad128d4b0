/** When the attempts of one exchange were sent and ended, and how long they waited. */
import type { ObservedAttempt } from '../http/observer.ts';

/** What is shorter is the way through the pool and no wait. Milliseconds. */
const SHORTEST_WAIT = 1;

/** See the module. Times in milliseconds of `performance.now()`. */
export class AttemptTimes {
  /** Of the last attempt that was sent; undefined when none was. */
  sentAt: number | undefined;
  endedAt = 0;
  /** Milliseconds that attempts waited for a connection to be free; its opening is not counted. */
  queuedMs = 0;

  /** Takes the times of an attempt that has ended now. */
  ended({ dispatchedAt, sentAt, timings }: ObservedAttempt, now: number): void {
    this.sentAt = sentAt ?? this.sentAt;
    this.endedAt = now;
    // With a connection opened for it, it waited for that.
    if (dispatchedAt === undefined || sentAt === undefined || timings !== undefined) return;
    const waited = sentAt - dispatchedAt;
    if (waited >= SHORTEST_WAIT) this.queuedMs += waited;
  }
}
