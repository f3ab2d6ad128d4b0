/** The keys of all limiters of a process: bounded, without a timer. `limiter-script.ts` does the same inside Redis. */
import type { LimiterAnswer, LimiterNumbers, Operation } from './limiter.ts';
import { SlottedWindow } from './window.ts';

/** One key of one limiter. */
class LimiterKey extends SlottedWindow {
  /** What `set` has set, and when it ends. */
  fixed = 0;
  fixedUntil = 0;
  blockedUntil = 0;

  idle(now: number): boolean {
    return this.expired(now) && this.fixedUntil <= now && this.blockedUntil <= now;
  }

  /** Milliseconds until so many points have left. */
  freeMs(now: number, points: number): number {
    if (this.fixed === 0) return this.waitMs(now, points);
    const fixedMs = this.fixedUntil - now;
    // What is set leaves at once; it is waited for only if the window alone does not free enough before.
    const without = this.waitMs(now, points);
    if (without <= fixedMs) return without;
    return this.fixed >= points ? fixedMs : Math.max(fixedMs, this.waitMs(now, points - this.fixed));
  }
}

/** Options of {@link LimiterKeys}. */
export interface LimiterKeysOptions {
  /** Most keys remembered; the one unused for longest is forgotten. Default 100,000. */
  readonly maxKeys?: number | undefined;
  /** Milliseconds of a clock that never goes back; default `performance.now`. */
  readonly clock?: (() => number) | undefined;
}

/** Counts for limiters; it outlives them, so that a reload keeps what was used. */
export class LimiterKeys {
  readonly #maxKeys: number;
  readonly #clock: () => number;
  /** In the order of their last use. */
  readonly #keys = new Map<string, LimiterKey>();

  constructor(options: LimiterKeysOptions = {}) {
    this.#maxKeys = Math.max(1, options.maxKeys ?? 100_000);
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Keys remembered at present. */
  get size(): number {
    return this.#keys.size;
  }

  /** Does one thing to a key. `ms` is how long a `block` or a `set` lasts. */
  run(operation: Operation, id: string, numbers: LimiterNumbers, units: number, ms = 0): LimiterAnswer {
    const now = Math.floor(this.#clock());
    const key = this.#key(id, now, numbers.perMs);
    const before = key.used + key.fixed;
    let refused = false;
    let excess = 0;
    if (operation === 'consume') {
      excess = before + units - numbers.points;
      refused = key.blockedUntil > now || excess > 0;
      if (!refused && units > 0) key.add(now, units);
      else if (key.blockedUntil <= now && refused && numbers.blockMs > 0) key.blockedUntil = now + numbers.blockMs;
    } else if (operation === 'penalty') {
      if (units > 0) key.add(now, units);
    } else if (operation === 'reward') {
      const fixed = Math.min(key.fixed, units);
      key.fixed -= fixed;
      key.giveBack(units - fixed);
    } else if (operation === 'block') {
      key.blockedUntil = now + ms;
    } else if (operation === 'set' || operation === 'delete') {
      const known = before > 0 || key.blockedUntil > now;
      key.giveBack(key.used);
      key.blockedUntil = 0;
      key.fixed = operation === 'set' ? units : 0;
      key.fixedUntil = now + ms;
      if (operation === 'delete') {
        this.#keys.delete(id);
        return { consumed: known ? 1 : 0, waitMs: 0, refused, full: false };
      }
    }
    const answer = answerOf(key, now, numbers, refused ? Math.max(excess, 1) : 0, units);
    if (key.idle(now)) this.#keys.delete(id);
    return answer;
  }

  #key(id: string, now: number, perMs: number): LimiterKey {
    const window = { id, limit: 0, perMs };
    let key = this.#keys.get(id);
    if (key === undefined) {
      this.#room(now);
      key = new LimiterKey(window);
    } else {
      this.#keys.delete(id);
      if (!key.fits(window)) key.reset(window);
      key.expire(now);
      if (key.fixedUntil <= now) key.fixed = 0;
    }
    this.#keys.set(id, key);
    return key;
  }

  /** Two for one: so the keys of a burst that is over leave as new ones come. */
  #room(now: number): void {
    let looked = 0;
    for (const [id, key] of this.#keys) {
      if (looked++ === 2 || (this.#keys.size < this.#maxKeys && !key.idle(now))) return;
      this.#keys.delete(id);
    }
  }
}

function answerOf(
  key: LimiterKey,
  now: number,
  { points }: LimiterNumbers,
  excess: number,
  units: number,
): LimiterAnswer {
  const total = key.used + key.fixed;
  const blocked = key.blockedUntil > now;
  const full = blocked || total >= points;
  let waitMs = 0;
  if (blocked) waitMs = key.blockedUntil - now;
  else if (excess > 0 || full) waitMs = key.freeMs(now, Math.max(excess, total + 1 - points));
  else if (total > 0) waitMs = key.freeMs(now, 1);
  const consumed = excess > 0 ? total + units : total;
  return { consumed: blocked ? Math.max(consumed, points + 1) : consumed, waitMs, refused: excess > 0, full };
}
