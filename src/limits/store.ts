/**
 * The interface between limit policies and the two stores (memory, Redis). Both pass one contract test suite.
 *
 * The window is a conservative slotted sliding window: `per` is divided into {@link SLOTS} slots and a use counts
 * until its whole slot has left the window, so that no window of `per` ever holds more than `limit`, and a request is
 * refused at most one slot longer than a perfect sliding log would refuse it.
 */

import type { Limiter, LimiterOptions } from './limiter.ts';

/** Slots a window is divided into by default; the granularity is then `per / SLOTS`, rounded up to whole milliseconds. */
export const SLOTS = 20;

/** Most slots of one window: what a key can take of memory. */
export const MAX_SLOTS = 100;

/** Largest `limit` and `weight`: what both stores count exactly, with room to spare. */
export const MAX_UNITS = 1e12;

/**
 * What becomes of a request whose limits the shared store cannot judge: `local`, this process counts for itself, with
 * its share of the limit; `allow`, it passes; `deny`, it is refused.
 */
export type OnStoreError = 'local' | 'allow' | 'deny';

/** One configured limit. */
export interface Window {
  /** Whose state it is: the policy's id (and what separates its kinds of state). Survives reloads. */
  readonly id: string;
  /** Units (requests; later tokens) in any window of `perMs`. */
  readonly limit: number;
  /** Length of the window in milliseconds. */
  readonly perMs: number;
  /** Length of a slot in milliseconds, i.e. the granularity; default `perMs / SLOTS`, rounded up. */
  readonly slotMs?: number;
  /** Default `local`. */
  readonly onStoreError?: OnStoreError;
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
  /** True when nothing was counted, as the store does not work and the limit says `allow` or `deny`. */
  readonly unchecked?: boolean;
}

/** What one key has used of one window. */
export interface Usage {
  readonly used: number;
  readonly remaining: number;
  /** Milliseconds until the oldest use leaves the window; 0 when nothing is used. */
  readonly resetMs: number;
}

/**
 * Whether limits are shared: `ok` through Redis; `degraded` while Redis does not answer and each process counts for
 * itself; `off` without Redis.
 */
export type StoreState = 'ok' | 'degraded' | 'off';

/** Takes claims. */
export interface LimitStore {
  /**
   * Takes all claims or none, atomically, and reports on each in the order given. Synchronous per process; a promise
   * with Redis. A refused request costs nothing.
   */
  take(claims: readonly Claim[]): readonly Verdict[] | Promise<readonly Verdict[]>;
  /** What a key has used, for people who look; takes nothing. Throws what the store throws. */
  usage(window: Window, key: string): Usage | Promise<Usage>;
  /** Forgets what a key has used, here and in the shared store; true when there was something. Throws what the store throws. */
  reset(window: Window, key: string): boolean | Promise<boolean>;
}

/** A store with its life: it belongs to the app, not to a pipeline, so that what was used survives reloads. */
export interface ManagedLimitStore extends LimitStore {
  readonly kind: 'memory' | 'redis';
  /** For `/health` and the metric. */
  state(): StoreState;
  /** Makes a limiter for bans and single limits; its state belongs to the id and survives reloads, as windows' does. Rejects with a RangeError. */
  limiter(id: string, options: LimiterOptions): Promise<Limiter>;
  /** Closes connections and timers; resolves when they are gone. Calling it again does nothing. */
  close(): Promise<void>;
}

/** Throws a RangeError for a claim that no limit policy may make; both stores check before they touch anything. */
export function checkClaims(claims: readonly Claim[]): void {
  for (let i = 0; i < claims.length; i++) {
    const claim = claims[i];
    if (claim === undefined) continue;
    const { limit, perMs, slotMs } = claim.window;
    if (!Number.isInteger(claim.weight) || claim.weight < 1 || claim.weight > MAX_UNITS) {
      throw new RangeError(`limit ${claim.window.id}: the weight must be an integer from 1 to ${MAX_UNITS}`);
    }
    if (!Number.isInteger(limit) || limit < 0 || limit > MAX_UNITS) {
      throw new RangeError(`limit ${claim.window.id}: the limit must be an integer from 0 to ${MAX_UNITS}`);
    }
    if (!Number.isInteger(perMs) || perMs < 1 || perMs > MAX_UNITS) {
      throw new RangeError(`limit ${claim.window.id}: the window must be a whole number of milliseconds, at least 1`);
    }
    if (slotMs !== undefined && (!Number.isInteger(slotMs) || slotMs > perMs || slotMs * MAX_SLOTS < perMs)) {
      throw new RangeError(
        `limit ${claim.window.id}: a slot must be a whole number of milliseconds, from a ${MAX_SLOTS}th of the window to all of it`,
      );
    }
  }
}
