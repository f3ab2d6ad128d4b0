/**
 * Learns from a provider's answers which of its keys can be used.
 *
 * 401 takes a key out, but not the last one of which it is known that the provider took it lately. 403 may mean the key or the request (content, region, a model that the account has not): it takes
 * the key out only when the same request then passes with another key, so that one client's requests cannot take out every
 * key. 429 lets a key rest for as long as the provider says. After each of them the request asks to go again with a key
 * that it has not tried. What a provider says of a value that has been replaced meanwhile says nothing of the new one.
 */
import type { AttemptHooks, AttemptResult, PolicyLogger, RequestContext, UpstreamInfo } from '../../policy.ts';
import type { KeyPool, KeyUse, PooledKey } from './key-pool.ts';
import { toldRest, toldRoom } from './told-limits.ts';

/** Whose keys they are, and where changes are told. */
export interface KeyReport {
  readonly policy: string;
  readonly upstream: UpstreamInfo;
  readonly log: PolicyLogger;
}

/** What one request has learnt: the uses that the provider did not take, and those of them that were answered 403. */
interface Trail {
  readonly tried: KeyUse[];
  readonly doubted: KeyUse[];
}

/** See the module. One for each pool of a pipeline. */
export class KeyWatch {
  readonly #pool: KeyPool;
  readonly #report: KeyReport;
  readonly #readsRoom: boolean;
  readonly #now: () => number;
  /** Only of requests that go again. */
  readonly #trails = new WeakMap<RequestContext, Trail>();
  /** The hooks of a pool with a single key: what a request has tried makes no difference, so all of them share these. */
  #shared: UseHooks | undefined;

  constructor(pool: KeyPool, report: KeyReport, readsRoom: boolean, now: () => number) {
    this.#pool = pool;
    this.#report = report;
    this.#readsRoom = readsRoom;
    this.#now = now;
  }

  /** What a request has tried before this attempt. */
  tried(ctx: RequestContext): readonly KeyUse[] | undefined {
    return this.#trails.get(ctx)?.tried;
  }

  /** The hooks of an attempt with that key. */
  hooks(ctx: RequestContext, key: PooledKey): AttemptHooks {
    const { generation } = key.state;
    if (this.#pool.keys.length > 1) return new UseHooks(this, key, generation, ctx);
    if (this.#shared?.generation !== generation) this.#shared = new UseHooks(this, key, generation, undefined);
    return this.#shared;
  }

  /** An attempt has ended; says whether the request should go again. */
  ended(use: KeyUse, result: AttemptResult, ctx: RequestContext | undefined): 'retry' | undefined {
    if (result.kind === 'failure') return undefined;
    const { status, headers } = result;
    const now = this.#now();
    // What is said of a value that has just been replaced is not said of the new one.
    if (status >= 400) use.key.refresh();
    if (this.#readsRoom && isPresent(use)) use.key.state.tell(toldRoom(this.#report.upstream.dialect, headers), now);
    if (status === 429) this.#rest(use, toldRest(this.#report.upstream.dialect, headers), now);
    else if (status === 401) this.#takeOut(use, status, now);
    else if (status !== 403) {
      // An answer such as 400 or 404 may have been given before anybody looked at the key.
      if (status < 400) this.#accepted(use, ctx, now);
      return undefined;
    }
    return this.#again(use, status, ctx, now);
  }

  /** Asks for another attempt where there is a key that this request has not tried. */
  #again(use: KeyUse, status: number, ctx: RequestContext | undefined, now: number): 'retry' | undefined {
    const trail = (ctx && this.#trails.get(ctx)) ?? { tried: [], doubted: [] };
    trail.tried.push(use);
    if (status === 403) trail.doubted.push(use);
    if (!this.#pool.has(now, trail.tried)) return undefined;
    if (ctx !== undefined) this.#trails.set(ctx, trail);
    return 'retry';
  }

  #rest(use: KeyUse, told: number | undefined, now: number): void {
    const { key } = use;
    if (!isPresent(use) || !key.state.rest(told, now)) return;
    const restMs = Math.round(key.state.restLeft(now));
    this.#report.log.info({ ...this.#about(key), status: 429, rest_ms: restMs }, 'a provider key rests');
  }

  #takeOut(use: KeyUse, status: number, now: number): void {
    if (!isPresent(use)) return;
    const pool = this.#pool;
    const stays = pool.hasBeside(use.key) || pool.isAlone(use.key) ? undefined : pool.mainstay(now);
    if (stays === use.key && !stays.state.out) return;
    if (use.key.state.takeOut(now))
      this.#report.log.warn({ ...this.#about(use.key), status }, 'the provider refuses a key: it is taken out');
    if (stays?.state.putBack() === true)
      this.#report.log.warn(
        this.#about(stays),
        'the provider refuses every key: the one that it took last stays in use',
      );
  }

  /** The provider took this key, so it was the keys before that it answered 403. */
  #accepted(use: KeyUse, ctx: RequestContext | undefined, now: number): void {
    if (isPresent(use) && use.key.state.accepted(now))
      this.#report.log.info(this.#about(use.key), 'the provider takes a key again');
    const trail = ctx && this.#trails.get(ctx);
    if (trail === undefined) return;
    for (const doubted of trail.doubted) this.#takeOut(doubted, 403, now);
  }

  #about(key: PooledKey): object {
    return { policy: this.#report.policy, upstream: this.#report.upstream.name, key_id: key.id };
  }
}

/** Tells the watch how one use of a key ended; without a request, how all uses of a lone key do. */
class UseHooks implements AttemptHooks, KeyUse {
  readonly key: PooledKey;
  readonly generation: number;
  readonly #watch: KeyWatch;
  readonly #ctx: RequestContext | undefined;

  constructor(watch: KeyWatch, key: PooledKey, generation: number, ctx: RequestContext | undefined) {
    this.#watch = watch;
    this.key = key;
    this.generation = generation;
    this.#ctx = ctx;
  }

  end(result: AttemptResult): 'retry' | undefined {
    return this.#watch.ended(this, result, this.#ctx);
  }
}

/** Whether the value that was used is the one that is in use still. */
function isPresent({ key, generation }: KeyUse): boolean {
  return key.state.generation === generation;
}
