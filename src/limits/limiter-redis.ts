/** A limiter that replicas share through Redis. */
import { type RateLimiterAbstract, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
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
import { LIMITER_SCRIPT, limiterArguments } from './limiter-script.ts';
import { UnexpectedReply } from './redis-reply.ts';
import type { ScriptClient } from './redis-store.ts';

type Key = string | number;
type CallOptions = Record<string, unknown>;

/** Options of {@link WindowLimiterRedis}. */
export interface WindowLimiterRedisOptions extends LimiterOptions {
  /** Whose state it is; never with `{` or `:` in it. */
  readonly keyPrefix: string;
  readonly storeClient: ScriptClient;
  /** Runs a command within the store's patience, or fails at once while Redis does not work. */
  readonly guard: <T>(key: string, command: () => Promise<T>) => Promise<T>;
  /** Judges while Redis does not work; without it calls reject with the error. */
  readonly insuranceLimiter?: RateLimiterAbstract;
  /** For tests: the time in milliseconds in place of Redis' own. */
  readonly clock?: () => number;
}

interface LimiterClient {
  sluiceLimiter(args: readonly (string | number)[]): Promise<unknown>;
}

/** Most keys that a process refuses by itself. */
const MOST_BLOCKED = 10_000;

/** rate-limiter-flexible's Redis limiter with our window as its algorithm; see `limiter.ts`. */
export class WindowLimiterRedis extends RateLimiterRedis {
  readonly #client: LimiterClient;
  readonly #options: WindowLimiterRedisOptions;
  readonly #insurance: RateLimiterAbstract | undefined;
  /** Until when a process refuses a key without asking; by `performance.now`. */
  readonly #blocked = new Map<string, number>();
  #sequence = 0;

  /** Throws a RangeError for numbers that no limiter can have. */
  constructor(options: WindowLimiterRedisOptions) {
    // With a client in its hands the library would define its own command on it, one for all limiters of the client.
    super({ ...options, storeClient: {} });
    numbersOf(this);
    options.storeClient.defineCommand('sluiceLimiter', { lua: LIMITER_SCRIPT });
    // The command exists on the client from here on; ioredis cannot say so in its types.
    this.#client = options.storeClient as ScriptClient & LimiterClient;
    this.#options = options;
    this.#insurance = options.insuranceLimiter;
  }

  override async consume(key: Key, points = 1, options: CallOptions = {}): Promise<RateLimiterRes> {
    checkOptions(options);
    whole(points);
    const blockedMs = (this.#blocked.get(String(key)) ?? 0) - performance.now();
    if (blockedMs > 0) throw new RateLimiterRes(0, Math.ceil(blockedMs), this.points + 1);
    const answer = await this.#run('consume', key, points);
    if (answer === undefined) return this.#insured((limiter) => limiter.consume(key, points));
    const held = this.#holdInMemory(String(key), answer);
    if (answer.refused) throw this.#result({ ...answer, waitMs: Math.max(held, answer.waitMs) }, points);
    const res = this.#result(answer, points);
    const delay = evenDelay(this, res);
    if (delay === 0) return res;
    await new Promise((resolve) => setTimeout(resolve, delay));
    const left = Math.max(res.msBeforeNext - delay, 0);
    return new RateLimiterRes(res.remainingPoints, left, res.consumedPoints, res.isFirstInDuration);
  }

  override async penalty(key: Key, points = 1, options: CallOptions = {}): Promise<RateLimiterRes> {
    checkOptions(options);
    const answer = await this.#run('penalty', key, whole(points));
    return answer === undefined ? this.#insured((one) => one.penalty(key, points)) : this.#result(answer, points);
  }

  override async reward(key: Key, points = 1, options: CallOptions = {}): Promise<RateLimiterRes> {
    checkOptions(options);
    this.#blocked.delete(String(key));
    const answer = await this.#run('reward', key, whole(points));
    return answer === undefined ? this.#insured((one) => one.reward(key, points)) : this.#result(answer, -points);
  }

  override async get(key: Key): Promise<RateLimiterRes | null> {
    const answer = await this.#run('get', key, 0);
    if (answer === undefined) return this.#insured((one) => one.get(key));
    return answer.consumed === 0 ? null : this.#result(answer, 0);
  }

  override async set(key: Key, points: number, seconds = this.duration): Promise<RateLimiterRes> {
    this.#blocked.delete(String(key));
    const answer = await this.#run('set', key, whole(points), milliseconds(seconds, 'set'));
    return answer === undefined ? this.#insured((one) => one.set(key, points, seconds)) : this.#result(answer, 0);
  }

  override async block(key: Key, seconds: number): Promise<RateLimiterRes> {
    const answer = await this.#run('block', key, 0, milliseconds(seconds, 'block'));
    return answer === undefined ? this.#insured((one) => one.block(key, seconds)) : this.#result(answer, 0);
  }

  override async delete(key: Key): Promise<boolean> {
    this.#blocked.delete(String(key));
    const answer = await this.#run('delete', key, 0);
    return answer === undefined ? this.#insured((one) => one.delete(key)) : answer.consumed > 0;
  }

  override deleteInMemoryBlockedAll(): void {
    this.#blocked.clear();
  }

  /** Undefined when Redis does not work and there is an insurance. */
  async #run(operation: Operation, key: Key, units: number, ms = 0): Promise<LimiterAnswer | undefined> {
    const { clock, guard, keyPrefix } = this.#options;
    const sequence = ++this.#sequence;
    const at = { id: keyPrefix, key: String(key) };
    const now = clock === undefined ? '' : Math.floor(clock());
    const args = limiterArguments(sequence, now, operation, at, numbersOf(this), units, ms);
    try {
      return await guard(at.key, async () => read(await this.#client.sluiceLimiter(args), sequence));
    } catch (error) {
      if (this.#insurance === undefined) throw error;
      return undefined;
    }
  }

  #insured<T>(call: (limiter: RateLimiterAbstract) => Promise<T>): Promise<T> {
    if (this.#insurance === undefined) throw new Error('Redis does not work');
    return call(this.#insurance);
  }

  /** Remembers a key that is full, or was refused, from `inMemoryBlockOnConsumed` on; for how long, in milliseconds. */
  #holdInMemory(key: string, { consumed, waitMs, refused, full }: LimiterAnswer): number {
    const { inMemoryBlockOnConsumed = 0, inMemoryBlockDuration = 0 } = this.#options;
    if (inMemoryBlockOnConsumed <= 0 || consumed < inMemoryBlockOnConsumed) return 0;
    if (inMemoryBlockDuration > 0 ? !refused : !full) return 0;
    const ms = inMemoryBlockDuration > 0 ? inMemoryBlockDuration * 1000 : waitMs;
    this.#blocked.delete(key);
    this.#blocked.set(key, performance.now() + ms);
    if (this.#blocked.size > MOST_BLOCKED) for (const oldest of this.#blocked.keys()) return this.#forget(oldest, ms);
    return ms;
  }

  #forget(key: string, ms: number): number {
    this.#blocked.delete(key);
    return ms;
  }

  #result({ consumed, waitMs }: LimiterAnswer, changed: number): RateLimiterRes {
    return new RateLimiterRes(Math.max(this.points - consumed, 0), waitMs, consumed, consumed === changed);
  }
}

/** Throws an {@link UnexpectedReply}. */
function read(reply: unknown, sequence: number): LimiterAnswer {
  if (!Array.isArray(reply) || reply.length !== 5 || reply[0] !== sequence) throw new UnexpectedReply();
  if (!reply.every((one) => Number.isSafeInteger(one))) throw new UnexpectedReply();
  const [, consumed, waitMs, refused, full] = reply as [number, number, number, number, number];
  return { consumed, waitMs: waitMs < 0 ? Number.POSITIVE_INFINITY : waitMs, refused: refused === 1, full: full === 1 };
}
