/** Makes the store of an app: Redis when there is a URL, else memory. */
import { createRedis, type RedisSettings } from '../resources/redis.ts';
import { Fallback } from './fallback.ts';
import { type LimiterOptions, limiterId } from './limiter.ts';
import { MemorySlots } from './memory-slots.ts';
import { MemoryStore } from './memory-store.ts';
import { RedisSlots } from './redis-slots.ts';
import { RedisStore } from './redis-store.ts';
import { shareOf } from './share.ts';
import type { ManagedSlots, OnWait } from './slots.ts';
import type { LimitStore, ManagedLimitStore, StoreState, Window } from './store.ts';

/** Where changes of state are told, e.g. a pino logger. */
export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Options of {@link createLimitStore}. */
export interface LimitStoreOptions {
  /** Where Redis is; an empty URL or undefined: limits are per process. */
  readonly redis?: RedisSettings | undefined;
  /** Replicas that share the limits: while Redis does not work each admits its share. Default 1. */
  readonly replicas?: number | undefined;
  readonly log?: StoreLog | undefined;
  /** Most keys remembered in this process; see `MemoryStoreOptions`. */
  readonly maxKeys?: number | undefined;
  /** Longest that a take may wait for Redis, in milliseconds; default 100. */
  readonly timeoutMs?: number | undefined;
  /** Told how long Redis took to answer, in seconds. */
  readonly onCommand?: ((seconds: number) => void) | undefined;
  /** Told how long requests waited for slots. */
  readonly onWait?: OnWait | undefined;
}

/** The store of one app together with its slots: they share connection, breaker and end. */
export interface ManagedLimits extends ManagedLimitStore {
  readonly slots: ManagedSlots;
}

/** Longest that the start waits to learn whether Redis is there, in milliseconds. */
const START_PATIENCE_MS = 1000;

/**
 * Makes the store of one app. With Redis it waits until the first connection works or has failed, at most one second;
 * an absent Redis stops nothing: limits are per process until it is there. Throws a TypeError for a URL that is none.
 */
export async function createLimitStore(options: LimitStoreOptions = {}): Promise<ManagedLimits> {
  const local = new MemoryStore({ maxKeys: options.maxKeys });
  if (options.redis === undefined || options.redis.url === '') {
    const slots = new MemorySlots({ onWait: options.onWait });
    return new OwningStore({ store: local, slots, limiter: (id, limits) => local.limiter(id, limits) }, async () => {
      await slots.close();
      await local.close();
    });
  }
  const known = Promise.withResolvers<void>();
  let store: RedisStore | undefined;
  let slots: RedisSlots | undefined;
  const redis = await createRedis(options.redis, {
    onState(state, reason) {
      if (state === 'ready') store?.connected();
      else if (state === 'down') store?.disconnected(reason ?? 'the connection was lost');
    },
  });
  store = new RedisStore({
    client: redis.client,
    local: new Fallback(local, options.replicas),
    timeoutMs: options.timeoutMs,
    onCommand: options.onCommand,
    onChange(state, reason) {
      known.resolve();
      slots?.changed(state === 'ok');
      if (state === 'ok') options.log?.info({ store: 'redis' }, 'limits are shared through Redis');
      else
        options.log?.warn(
          { store: 'redis', reason },
          'Redis does not work; each process counts its own limits until it does',
        );
    },
  });
  const shared = store;
  slots = new RedisSlots({
    client: redis.client,
    gate: { working: () => shared.state() === 'ok', failed: (error) => shared.distrust(error) },
    replicas: options.replicas,
    timeoutMs: options.timeoutMs,
    log: options.log,
    onWait: options.onWait,
    onCommand: options.onCommand,
  });
  const leases = slots;
  const patience = setTimeout(() => shared.disconnected('Redis did not answer in time'), START_PATIENCE_MS);
  await known.promise;
  clearTimeout(patience);
  const limiter = async (id: string, limits: LimiterOptions) => {
    const { WindowLimiterRedis } = await import('./limiter-redis.ts');
    const share = shareOf(limits.points, options.replicas);
    return new WindowLimiterRedis({
      ...limits,
      keyPrefix: limiterId(id, limits),
      storeClient: redis.client,
      guard: (key, command) => shared.guard(key, command),
      insuranceLimiter: await local.limiter(id, { ...limits, points: share }),
    });
  };
  return new OwningStore({ store: shared, slots, limiter }, async () => {
    await leases.close();
    await shared.close();
    await redis.close();
    await local.close();
  });
}

interface Parts {
  readonly store: Omit<ManagedLimitStore, 'limiter'>;
  readonly slots: ManagedSlots;
  readonly limiter: ManagedLimitStore['limiter'];
}

/** A store together with its slots and the connection that was opened for both. */
class OwningStore implements ManagedLimits {
  readonly kind: 'memory' | 'redis';
  readonly slots: ManagedSlots;
  readonly #store: Parts['store'];
  readonly #closeAll: () => Promise<void>;
  #closing: Promise<void> | undefined;
  readonly limiter: ManagedLimitStore['limiter'];

  constructor({ store, slots, limiter }: Parts, closeAll: () => Promise<void>) {
    this.kind = store.kind;
    this.slots = slots;
    this.#store = store;
    this.limiter = limiter;
    this.#closeAll = closeAll;
  }

  take(claims: Parameters<LimitStore['take']>[0]): ReturnType<LimitStore['take']> {
    return this.#store.take(claims);
  }

  usage(window: Window, key: string): ReturnType<LimitStore['usage']> {
    return this.#store.usage(window, key);
  }

  reset(window: Window, key: string): ReturnType<LimitStore['reset']> {
    return this.#store.reset(window, key);
  }

  state(): StoreState {
    return this.#store.state();
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }
}
