/** A limiter of one process. */
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import {
  checkOptions,
  evenDelay,
  type LimiterAnswer,
  type LimiterOptions,
  milliseconds,
  numbersOf,
  type Operation,
  whole,
} from './limiter.ts';
import { LimiterKeys } from './limiter-keys.ts';

type Key = string | number;
type CallOptions = Record<string, unknown>;

/** Options of {@link WindowLimiterMemory}. */
export interface WindowLimiterMemoryOptions extends LimiterOptions {
  readonly keyPrefix?: string;
  /** Where it counts; default keys of its own. */
  readonly keys?: LimiterKeys;
}

/** rate-limiter-flexible's memory limiter with our window as its algorithm; see `limiter.ts`. */
export class WindowLimiterMemory extends RateLimiterMemory {
  readonly #keys: LimiterKeys;

  /** Throws a RangeError for numbers that no limiter can have. */
  constructor({ keys, ...options }: WindowLimiterMemoryOptions) {
    super(options);
    this.#keys = keys ?? new LimiterKeys();
    numbersOf(this);
  }

  override async consume(key: Key, points = 1, options: CallOptions = {}): Promise<RateLimiterRes> {
    checkOptions(options);
    const answer = this.#run('consume', key, whole(points));
    const res = this.#result(answer, points);
    if (answer.refused) throw res;
    const delay = evenDelay(this, res);
    if (delay === 0) return res;
    await new Promise((resolve) => setTimeout(resolve, delay));
    return new RateLimiterRes(
      res.remainingPoints,
      Math.max(res.msBeforeNext - delay, 0),
      res.consumedPoints,
      res.isFirstInDuration,
    );
  }

  override async penalty(key: Key, points = 1, options: CallOptions = {}): Promise<RateLimiterRes> {
    checkOptions(options);
    return this.#result(this.#run('penalty', key, whole(points)), points);
  }

  override async reward(key: Key, points = 1, options: CallOptions = {}): Promise<RateLimiterRes> {
    checkOptions(options);
    return this.#result(this.#run('reward', key, whole(points)), -points);
  }

  override async get(key: Key): Promise<RateLimiterRes | null> {
    const answer = this.#run('get', key, 0);
    return answer.consumed === 0 ? null : this.#result(answer, 0);
  }

  override async set(key: Key, points: number, seconds = this.duration): Promise<RateLimiterRes> {
    return this.#result(this.#run('set', key, whole(points), milliseconds(seconds, 'set')), 0);
  }

  override async block(key: Key, seconds: number): Promise<RateLimiterRes> {
    return this.#result(this.#run('block', key, 0, milliseconds(seconds, 'block')), 0);
  }

  override async delete(key: Key): Promise<boolean> {
    return this.#run('delete', key, 0).consumed > 0;
  }

  /** Not offered: what it would tell of a window is not enough to restore it. Throws. */
  override dump(): never {
    throw new Error('a limiter with a sliding window cannot be dumped');
  }

  #run(operation: Operation, key: Key, units: number, ms = 0): LimiterAnswer {
    return this.#keys.run(operation, this.getKey(key), numbersOf(this), units, ms);
  }

  #result({ consumed, waitMs }: LimiterAnswer, changed: number): RateLimiterRes {
    return new RateLimiterRes(Math.max(this.points - consumed, 0), waitMs, consumed, consumed === changed);
  }
}
