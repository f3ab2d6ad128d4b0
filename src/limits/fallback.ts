/**
 * Judges takes while the shared store does not work, each limit as its `onStoreError` says: `local` ones in the memory of
 * this process, by this replica's share of the limit.
 */
import type { MemoryStore } from './memory-store.ts';
import { shareOf } from './share.ts';
import type { Claim, LimitStore, Usage, Verdict, Window } from './store.ts';

/** After so long a refused client may try whether the store works again. */
const RETRY_MS = 1000;

/** In place of the shared store. */
export class Fallback implements LimitStore {
  readonly #memory: MemoryStore;
  readonly #replicas: number;
  /** One window with this replica's share for each configured one. */
  readonly #shares = new WeakMap<Window, Window>();

  /** @param replicas replicas that share the limits; see {@link shareOf} */
  constructor(memory: MemoryStore, replicas = 1) {
    this.#memory = memory;
    this.#replicas = Math.max(1, replicas);
  }

  take(claims: readonly Claim[]): readonly Verdict[] {
    if (claims.every(({ window }) => isLocal(window))) return this.#memory.take(this.#shared(claims));
    const denied = claims.some(({ window }) => window.onStoreError === 'deny');
    const local = denied ? [] : this.#memory.take(this.#shared(claims.filter(({ window }) => isLocal(window))));
    const granted = !denied && local.every((verdict) => verdict.granted);
    let next = 0;
    return claims.map(({ window }) => {
      const verdict = isLocal(window) ? local[next++] : undefined;
      return verdict ?? unchecked(window, window.onStoreError !== 'deny', granted);
    });
  }

  usage(window: Window, key: string): Usage {
    return this.#memory.usage(this.#share(window), key);
  }

  reset(window: Window, key: string): boolean {
    return this.#memory.reset(window, key);
  }

  #shared(claims: readonly Claim[]): readonly Claim[] {
    if (this.#replicas === 1) return claims;
    return claims.map((claim) => ({ ...claim, window: this.#share(claim.window) }));
  }

  #share(window: Window): Window {
    if (this.#replicas === 1) return window;
    let share = this.#shares.get(window);
    if (share === undefined) {
      share = { ...window, limit: shareOf(window.limit, this.#replicas) };
      this.#shares.set(window, share);
    }
    return share;
  }
}

function isLocal({ onStoreError }: Window): boolean {
  return onStoreError === undefined || onStoreError === 'local';
}

/** The verdict on a limit that nobody has counted. */
function unchecked({ limit }: Window, allowed: boolean, granted: boolean): Verdict {
  return {
    allowed,
    granted,
    limit,
    remaining: allowed ? limit : 0,
    resetMs: 0,
    retryAfterMs: allowed ? 0 : RETRY_MS,
    unchecked: true,
  };
}
