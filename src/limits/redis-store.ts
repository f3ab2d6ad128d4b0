/**
 * Limits shared by all replicas through Redis. A take is one round trip; while Redis does not work, takes are counted
 * in the memory of this process, so that no request fails or waits because of Redis.
 *
 * The breaker is one for the store. In a Cluster, one dead shard makes this process count all limits for itself until
 * that shard, or the replica promoted in its place, answers again: the limits of one request lie on several shards, and
 * one of them that waited or failed would hold up or undo the others. Probes ask the shards that failed, so what works
 * meanwhile closes nothing, and the state does not flap.
 */
import { sanitiseRedisError } from '../resources/redis.ts';
import { Breaker } from './breaker.ts';
import { oneShard, takeInGroups } from './cluster-take.ts';
import { inTime, Late } from './in-time.ts';
import { Patience, type Patient } from './patience.ts';
import { type Judged, readReply, UnexpectedReply } from './redis-reply.ts';
import { GIVE_BACK_SCRIPT, giveBackArguments, redisKey, TAKE_SCRIPT, takeArguments } from './redis-script.ts';
import {
  type Claim,
  checkClaims,
  type LimitStore,
  MAX_UNITS,
  type ManagedLimitStore,
  type StoreState,
  type Usage,
  type Verdict,
  type Window,
} from './store.ts';

/** The part of an ioredis client that the store uses. */
export interface ScriptClient {
  readonly status: string;
  /** True for a client of a Redis Cluster. */
  readonly isCluster?: boolean;
  defineCommand(name: string, definition: { lua: string }): void;
  disconnect(reconnect?: boolean): void;
}

/** What {@link ScriptClient.defineCommand} adds to the client. */
interface TakeClient extends ScriptClient {
  sluiceTake(args: readonly (string | number)[]): Promise<unknown>;
  sluiceGiveBack(args: readonly (string | number)[]): Promise<unknown>;
  del(key: string): Promise<unknown>;
}

/** Options of {@link RedisStore}. */
export interface RedisStoreOptions {
  readonly client: ScriptClient;
  /** Takes over while Redis does not work. */
  readonly local: LimitStore;
  /** Called once for each change of state. */
  readonly onChange: (state: 'ok' | 'degraded', reason: string) => void;
  /** Longest that a take may wait for Redis, in milliseconds; default 100. */
  readonly timeoutMs?: number | undefined;
  /** Told how long Redis took to answer a take, in seconds, whatever the answer; late answers too. */
  readonly onCommand?: ((seconds: number) => void) | undefined;
  /** For tests: the time in milliseconds in place of Redis' own. */
  readonly clock?: (() => number) | undefined;
}

/** A take that Redis has not answered yet. */
interface Pending extends Patient {
  readonly claims: readonly Claim[];
  readonly resolve: (verdicts: readonly Verdict[] | Promise<readonly Verdict[]>) => void;
}

/** Keys that a probe asks for: of more shards than that, those that failed first are found to be dead one by one. */
const MOST_SUSPECTS = 8;

/** Written by each probe, so that a Redis that only reads is noticed. */
const PROBE: Window = { id: '/probe', limit: 1_000_000, perMs: 1000 };

/** Counts in Redis. The client belongs to who made it; {@link close} leaves it open. */
export class RedisStore implements Omit<ManagedLimitStore, 'limiter'> {
  readonly kind = 'redis';
  readonly #client: TakeClient;
  readonly #local: LimitStore;
  readonly #clock: (() => number) | undefined;
  readonly #timeoutMs: number;
  readonly #onCommand: ((seconds: number) => void) | undefined;
  readonly #breaker: Breaker;
  readonly #patience: Patience<Pending>;
  #sequence = 0;
  /** Keys whose takes failed last: in a Cluster their shards are those to be probed. */
  readonly #suspects = new Set(['probe']);
  /** Probes in turn that had no answer. */
  #unanswered = 0;

  constructor(options: RedisStoreOptions) {
    options.client.defineCommand('sluiceTake', { lua: TAKE_SCRIPT });
    options.client.defineCommand('sluiceGiveBack', { lua: GIVE_BACK_SCRIPT });
    // The command exists on the client from here on; ioredis cannot say so in its types.
    this.#client = options.client as TakeClient;
    this.#local = options.local;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs ?? 100;
    this.#onCommand = options.onCommand;
    this.#patience = new Patience(this.#timeoutMs, (late) => {
      // Those that wait within their patience may be on shards that work.
      for (const { claims } of late) this.#suspect(claims);
      this.#open(`Redis did not answer within ${this.#timeoutMs} ms`);
    });
    this.#breaker = new Breaker({
      ready: () => options.client.status === 'ready',
      probe: () => this.#probe(),
      onChange: (ok, reason) => options.onChange(ok ? 'ok' : 'degraded', reason),
    });
  }

  state(): StoreState {
    return this.#breaker.closed ? 'ok' : 'degraded';
  }

  /** To be called when the client has become ready. */
  connected(): void {
    this.#breaker.connected();
  }

  /** To be called when the client has lost its connection. */
  disconnected(reason: string): void {
    this.#open(reason);
  }

  /** To be called by others that use the client when a command of theirs has failed, or was not answered in time. */
  distrust(error: unknown): void {
    this.#failed(error);
  }

  async close(): Promise<void> {
    this.#breaker.stop();
    this.#patience.stop();
    this.#fallBack();
  }

  take(claims: readonly Claim[]): readonly Verdict[] | Promise<readonly Verdict[]> {
    checkClaims(claims);
    if (claims.length === 0) return [];
    if (!this.#breaker.closed) return this.#local.take(claims);
    return new Promise((resolve) => {
      const pending: Pending = { claims, deadline: 0, resolve };
      this.#patience.start(pending);
      const asked =
        this.#client.isCluster === true && !oneShard(claims)
          ? takeInGroups(claims, this.#groups)
          : this.#ask(claims).then(({ verdicts }) => verdicts);
      asked.then(
        (verdicts) => {
          if (this.#patience.end(pending)) resolve(verdicts);
        },
        (error: unknown) => {
          // A take that was answered locally has been dealt with; its late failure is no news.
          if (!this.#patience.has(pending)) return;
          this.#suspect(claims);
          this.#failed(error);
        },
      );
    });
  }

  async usage(window: Window, key: string): Promise<Usage> {
    if (!this.#breaker.closed) return this.#local.usage(window, key);
    const claim: Claim = { window: { ...window, limit: MAX_UNITS }, key, weight: 0 };
    const [verdict] = (await this.#inTime(this.#ask([claim]))).verdicts;
    const used = MAX_UNITS - (verdict?.remaining ?? 0);
    return { used, remaining: Math.max(0, window.limit - used), resetMs: verdict?.resetMs ?? 0 };
  }

  async reset(window: Window, key: string): Promise<boolean> {
    const local = await this.#local.reset(window, key);
    if (!this.#breaker.closed) throw new Error('Redis does not work: only this process has forgotten the key');
    return (await this.#inTime(this.#client.del(redisKey(window, key)))) === 1 || local;
  }

  /** Runs another command under the breaker: it fails at once while Redis does not work, and else within the patience. */
  async guard<T>(key: string, command: () => Promise<T>): Promise<T> {
    if (!this.#breaker.closed) throw new Error('Redis does not work');
    try {
      return await this.#inTime(command());
    } catch (error) {
      this.#suspect([{ window: PROBE, key, weight: 1 }]);
      this.#failed(error);
      throw error;
    }
  }

  readonly #groups = {
    ask: (claims: readonly Claim[]) => this.#ask(claims),
    giveBack: async (claims: readonly Claim[], at: number) => {
      await this.#client.sluiceGiveBack(giveBackArguments(claims, at));
    },
  };

  async #ask(claims: readonly Claim[]): Promise<Judged> {
    this.#sequence = (this.#sequence + 1) % Number.MAX_SAFE_INTEGER;
    const sequence = this.#sequence;
    const args = takeArguments(claims, sequence, this.#clock === undefined ? '' : Math.floor(this.#clock()));
    return readReply(await this.#timed(args), sequence, claims);
  }

  async #timed(args: readonly (string | number)[]): Promise<unknown> {
    const sentAt = performance.now();
    try {
      return await this.#client.sluiceTake(args);
    } finally {
      this.#onCommand?.((performance.now() - sentAt) / 1000);
    }
  }

  /** One take of the store's own, with the same patience as a request's. */
  async #probe(): Promise<void> {
    try {
      const asked = [...this.#suspects].map((key) => this.#ask([{ window: PROBE, key, weight: 1 }]));
      await this.#inTime(Promise.all(asked));
      this.#unanswered = 0;
    } catch (error) {
      this.#reconnectAfter(error);
      // The way to Redis may be what is broken: another connection may find another one.
      // (The nodes of a Cluster have connections of their own, which end when nothing comes.)
      const late = error instanceof Late && this.#client.isCluster !== true;
      if (late && ++this.#unanswered % 2 === 0) this.#client.disconnect(true);
      throw new Error(sanitiseRedisError(error), { cause: error });
    }
  }

  /** What was asked, with the same patience as a request's. */
  #inTime<T>(asked: Promise<T>): Promise<T> {
    return inTime(asked, this.#timeoutMs);
  }

  /** One server has one state, whatever the key. */
  #suspect(claims: readonly Claim[]): void {
    if (this.#client.isCluster !== true) return;
    for (const { key } of claims) {
      this.#suspects.delete(key);
      this.#suspects.add(key);
    }
    for (const oldest of this.#suspects) {
      if (this.#suspects.size <= MOST_SUSPECTS) break;
      this.#suspects.delete(oldest);
    }
  }

  #failed(error: unknown): void {
    this.#reconnectAfter(error);
    this.#open(sanitiseRedisError(error));
  }

  /** A replica that was a primary, or a connection out of step: another connection may be right. */
  #reconnectAfter(error: unknown): void {
    const outOfStep = error instanceof UnexpectedReply;
    const readOnly = error instanceof Error && error.message.startsWith('READONLY');
    if ((outOfStep || readOnly) && this.#client.status === 'ready') this.#client.disconnect(true);
  }

  #open(reason: string): void {
    this.#breaker.open(reason);
    this.#fallBack();
  }

  /** Whoever still waits for Redis is answered from memory at once. */
  #fallBack(): void {
    for (const { claims, resolve } of this.#patience.endAll()) resolve(this.#local.take(claims));
  }
}
