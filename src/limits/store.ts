/**
 * The interface between limit policies and the two stores (memory, Redis). Both pass one contract test suite.
 *
 * The window is a conservative slotted sliding window: `per` is divided into {@link SLOTS} slots and a use counts
 * until its whole slot has left the window, so that no window of `per` ever holds more than `limit`, and a request is
 * refused at most one slot longer than a perfect sliding log would refuse it.
 */

/** Slots a window is divided into; the granularity is `per / SLOTS`. */
export const SLOTS = 20;

/** One configured limit. */
export interface Window {
  /** Whose state it is: the policy's id (and what separates its kinds of state). Survives reloads. */
  readonly id: string;
  /** Units (requests; later tokens) in any window of `perMs`. */
  readonly limit: number;
  /** Length of the window in milliseconds. */
  readonly perMs: number;
}

/** What one request wants to take from one limit. */
export interface Claim {
  readonly window: Window;
  /** Who is counted, e.g. `ip:10.0.0.1`; never a secret. */
  readonly key: string;
  /** Units to take, a positive integer; 1 for a request. */
  readonly weight: number;
}

/** What became of a claim. */
export interface Verdict {
  /** Whether this limit had room. */
  readonly allowed: boolean;
  /** Whether the units were taken: only when every claim taken together was allowed. */
  readonly granted: boolean;
  readonly limit: number;
  /** Units left after this request. */
  readonly remaining: number;
  /** Milliseconds until the oldest use leaves the window, i.e. until `remaining` grows; 0 when nothing is used. */
  readonly resetMs: number;
  /** Milliseconds until this claim would fit; 0 when allowed. Never too early. Infinity when it can never fit. */
  readonly retryAfterMs: number;
}

/** Takes claims. */
export interface LimitStore {
  /**
   * Takes all claims or none, atomically, and reports on each in the order given. Synchronous per process; a promise
   * with Redis. A refused request costs nothing.
   */
  take(claims: readonly Claim[]): readonly Verdict[] | Promise<readonly Verdict[]>;
}
