/**
 * Bans and single limits for policies of one's own, in the words of rate-limiter-flexible: its limiters, with the window
 * of `window.ts` as their algorithm. What that changes: at most `points` in any window of `duration`, not in each of a
 * row; a refused `consume` costs nothing; `reward` gives back and never makes debts; a block and the window are two things, so a
 * key whose block has ended is admitted as far as the window has room; nothing lasts for ever, so durations are above 0.
 *
 * Only types are imported here: who asks for no limiter does not load the library.
 */
import type { RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { MAX_UNITS } from './store.ts';

/** What a policy holds: consume, penalty, reward, get, set, block, delete, as rate-limiter-flexible documents them. */
export type Limiter = RateLimiterAbstract;

/** What became of a call; `consume` rejects with one when it refuses, and with nothing else while there is an insurance. */
export type LimiterResult = RateLimiterRes;

/** Options of a limiter. */
export interface LimiterOptions {
  /** Tells several limiters of one policy apart: letters, digits, `-`, `_`. */
  readonly name?: string;
  /** Most points in any window of `duration`. */
  readonly points: number;
  /** Length of the window in seconds; below 1 too. */
  readonly duration: number;
  /** Seconds for which a key is refused once it wanted more than `points`; default 0: until the window has room. */
  readonly blockDuration?: number;
  /** Delays what is admitted so that it is spread over the window. */
  readonly execEvenly?: boolean;
  readonly execEvenlyMinDelayMs?: number;
  /** From so many points on a process refuses a key without asking Redis; without Redis it means nothing. */
  readonly inMemoryBlockOnConsumed?: number;
  /** Seconds of that; default: until the window has room. */
  readonly inMemoryBlockDuration?: number;
}

/** The id of a policy's limiter. Throws a RangeError for a name that could be taken for something else. */
export function limiterId(id: string, { name }: LimiterOptions): string {
  if (name === undefined) return id;
  if (!/^[\w-]{1,64}$/.test(name)) throw new RangeError('the name of a limiter is of letters, digits, - and _');
  return `${id}/${name}`;
}

/** What is done to a key. */
export type Operation = 'consume' | 'penalty' | 'reward' | 'get' | 'set' | 'block' | 'delete';

/** The numbers of a limiter, all whole. */
export interface LimiterNumbers {
  readonly points: number;
  readonly perMs: number;
  readonly blockMs: number;
}

/** The state of a key after an operation. */
export interface LimiterAnswer {
  /** What counts, and for a refused `consume` what it wanted besides. */
  readonly consumed: number;
  /** Milliseconds until the next point is free, or until what was refused would fit. */
  readonly waitMs: number;
  readonly refused: boolean;
  /** Whether not one more point fits. */
  readonly full: boolean;
}

/** Reads the numbers of a limiter. Throws a RangeError. */
export function numbersOf({ points, duration, blockDuration }: Limiter): LimiterNumbers {
  return {
    points: whole(points, 'points'),
    perMs: milliseconds(duration, 'duration'),
    blockMs: blockDuration > 0 ? milliseconds(blockDuration, 'blockDuration') : 0,
  };
}

/** A whole number of points. Throws a RangeError. */
export function whole(points: unknown, what = 'the points'): number {
  if (typeof points === 'number' && Number.isInteger(points) && points >= 0 && points <= MAX_UNITS) return points;
  throw new RangeError(`${what} of a limiter must be a whole number from 0 to ${MAX_UNITS}`);
}

/** Seconds as whole milliseconds, at least one. Throws a RangeError. */
export function milliseconds(seconds: unknown, what: string): number {
  const ms = typeof seconds === 'number' ? Math.round(seconds * 1000) : Number.NaN;
  if (ms >= 1 && ms <= MAX_UNITS) return ms;
  throw new RangeError(`${what} of a limiter must be a number of seconds, at least 0.001`);
}

/** Refuses what a window of one length cannot do. Throws a RangeError. */
export function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null || !('customDuration' in options)) return;
  throw new RangeError('a limiter has one window: customDuration is not possible');
}

/** How long execEvenly holds an admitted call, in milliseconds, by rate-limiter-flexible's formula. */
export function evenDelay(limiter: Limiter, res: LimiterResult): number {
  if (!limiter.execEvenly || limiter.points <= 0 || res.msBeforeNext <= 0 || res.isFirstInDuration) return 0;
  const delay = Math.ceil(res.msBeforeNext / (res.remainingPoints + 2));
  return delay < limiter.execEvenlyMinDelayMs ? res.consumedPoints * limiter.execEvenlyMinDelayMs : delay;
}
