/** Limits of one process: synchronous, bounded, without a timer. */
import { type Limiter, type LimiterOptions, limiterId } from './limiter.ts';
import type { LimiterKeys } from './limiter-keys.ts';
import {
  type Claim,
  checkClaims,
  type ManagedLimitStore,
  type StoreState,
  type Usage,
  type Verdict,
  type Window,
} from './store.ts';
import { SlottedWindow } from './window.ts';

/** One key of one limit, linked into the list of all of them, the most recently used first. */
class Entry extends SlottedWindow {
  key = '';
  home: Map<string, Entry> | undefined;
  id = '';
  /** Units that claims of the running `take` want; several claims may name one key. */
  pending = 0;
  newer: Entry | undefined;
  older: Entry | undefined;
}

/** Options of {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Most keys remembered, over all limits; default 100,000 (measured: about 30 MB). Above it the key that was unused
   * for longest is forgotten, and starts anew if it comes back.
   */
  readonly maxKeys?: number | undefined;
  /** Milliseconds of a clock that never goes back; default `performance.now`. */
  readonly clock?: (() => number) | undefined;
}

/** Counts in the memory of this process. */
export class MemoryStore implements ManagedLimitStore {
  readonly kind = 'memory';
  readonly #maxKeys: number;
  readonly #clock: () => number;
  readonly #limits = new Map<string, Map<string, Entry>>();
  #size = 0;
  #limiterKeys: LimiterKeys | undefined;
  #newest: Entry | undefined;
  #oldest: Entry | undefined;
  /** Scratch of the running `take`, which is synchronous: no allocation per request. */
  readonly #entries: Entry[] = [];
  readonly #excess: number[] = [];

  constructor(options: MemoryStoreOptions = {}) {
    this.#maxKeys = Math.max(1, options.maxKeys ?? 100_000);
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Keys remembered at present, for tests and metrics. */
  get size(): number {
    return this.#size;
  }

  state(): StoreState {
    return 'off';
  }

  async close(): Promise<void> {
    this.#limits.clear();
    this.#newest = undefined;
    this.#oldest = undefined;
    this.#size = 0;
  }

  take(claims: readonly Claim[]): readonly Verdict[] {
    checkClaims(claims);
    const now = Math.floor(this.#clock());
    const granted = this.#evaluate(claims, now);
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      if (entry === undefined) continue;
      if (granted) entry.add(now, claims[i]?.weight ?? 0);
      entry.pending = 0;
    }
    const verdicts = new Array<Verdict>(claims.length);
    for (let i = 0; i < claims.length; i++) {
      const claim = claims[i];
      const entry = entries[i];
      if (claim === undefined || entry === undefined) continue;
      const excess = this.#excess[i] ?? 0;
      const { limit } = claim.window;
      verdicts[i] = {
        allowed: excess <= 0,
        granted,
        limit,
        remaining: Math.max(0, limit - entry.used),
        resetMs: entry.resetMs(now),
        retryAfterMs: excess <= 0 ? 0 : entry.waitMs(now, excess),
      };
    }
    entries.length = 0;
    this.#excess.length = 0;
    return verdicts;
  }

  async limiter(id: string, options: LimiterOptions): Promise<Limiter> {
    const [{ WindowLimiterMemory }, { LimiterKeys }] = await Promise.all([
      import('./limiter-memory.ts'),
      import('./limiter-keys.ts'),
    ]);
    this.#limiterKeys ??= new LimiterKeys({ maxKeys: this.#maxKeys, clock: this.#clock });
    return new WindowLimiterMemory({ ...options, keyPrefix: limiterId(id, options), keys: this.#limiterKeys });
  }

  usage(window: Window, key: string): Usage {
    const now = Math.floor(this.#clock());
    const entry = this.#limits.get(window.id)?.get(key);
    if (entry === undefined || !entry.fits(window)) return { used: 0, remaining: window.limit, resetMs: 0 };
    entry.expire(now);
    return {
      used: entry.used,
      remaining: Math.max(0, window.limit - entry.used),
      resetMs: entry.resetMs(now),
    };
  }

  reset(window: Window, key: string): boolean {
    const entry = this.#limits.get(window.id)?.get(key);
    if (entry === undefined) return false;
    const used = !entry.expired(Math.floor(this.#clock()));
    this.#drop(entry);
    return used;
  }

  /** Finds every claim's entry and by how much it would exceed its limit; true when none would. */
  #evaluate(claims: readonly Claim[], now: number): boolean {
    let granted = true;
    for (let i = 0; i < claims.length; i++) {
      const claim = claims[i];
      if (claim === undefined) continue;
      const entry = this.#entry(claim, now);
      const excess = entry.used + entry.pending + claim.weight - claim.window.limit;
      entry.pending += claim.weight;
      this.#entries.push(entry);
      this.#excess.push(excess);
      if (excess > 0) granted = false;
    }
    return granted;
  }

  #entry(claim: Claim, now: number): Entry {
    const { window } = claim;
    const { id } = window;
    let home = this.#limits.get(id);
    const known = home?.get(claim.key);
    if (known !== undefined) {
      // A reload may have changed `per`; what was counted in slots of another length cannot be kept.
      if (!known.fits(window)) known.reset(window);
      else known.expire(now);
      if (known !== this.#newest) {
        this.#unlink(known);
        this.#link(known);
      }
      return known;
    }
    // Making room may drop the last key of this very limit, and with it the map: look again.
    const entry = this.#room(now, window);
    home = this.#limits.get(id);
    if (home === undefined) {
      home = new Map();
      this.#limits.set(id, home);
    }
    entry.key = claim.key;
    entry.id = id;
    entry.home = home;
    home.set(claim.key, entry);
    this.#size++;
    this.#link(entry);
    return entry;
  }

  /** An entry for a new key: an old one that has expired or must go, else a fresh one. */
  #room(now: number, window: Window): Entry {
    let reusable: Entry | undefined;
    // Two for one: so the keys of a burst that is over leave as new ones come, without a timer.
    for (let i = 0; i < 2; i++) {
      const last = this.#oldest;
      if (last === undefined || last.pending > 0) break;
      if (this.#size < this.#maxKeys && !last.expired(now)) break;
      this.#drop(last);
      reusable = last;
    }
    if (reusable === undefined) return new Entry(window);
    reusable.reset(window);
    return reusable;
  }

  #drop(entry: Entry): void {
    this.#unlink(entry);
    entry.home?.delete(entry.key);
    if (entry.home?.size === 0) this.#limits.delete(entry.id);
    entry.home = undefined;
    this.#size--;
  }

  #link(entry: Entry): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = entry;
    this.#newest = entry;
    this.#oldest ??= entry;
  }

  #unlink(entry: Entry): void {
    if (entry.newer !== undefined) entry.newer.older = entry.older;
    else this.#newest = entry.older;
    if (entry.older !== undefined) entry.older.newer = entry.newer;
    else this.#oldest = entry.newer;
  }
}
