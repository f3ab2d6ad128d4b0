/** Counters of their own for policies in shadow mode, so that trying a limit out takes nothing from anybody. */
import type { Claim, LimitStore, Verdict, Window } from './store.ts';

/** Begins the ids of what policies in shadow mode count. */
export const SHADOW_PREFIX = 'shadow/';

/**
 * A view of a store in which every window's id is prefixed; state is kept apart from the enforcing policy's. The `/`
 * cannot occur in a policy's id, so no policy can share it by accident.
 */
export function shadowStore(store: LimitStore, prefix = SHADOW_PREFIX): LimitStore {
  // One renamed window for each configured one: windows live as long as their pipeline.
  const windows = new WeakMap<Window, Window>();
  const shadow = (real: Window): Window => {
    let window = windows.get(real);
    if (window === undefined) {
      window = { ...real, id: prefix + real.id };
      windows.set(real, window);
    }
    return window;
  };
  return {
    take(claims: readonly Claim[]): readonly Verdict[] | Promise<readonly Verdict[]> {
      return store.take(claims.map((claim) => ({ ...claim, window: shadow(claim.window) })));
    },
    usage: (window, key) => store.usage(shadow(window), key),
    reset: (window, key) => store.reset(shadow(window), key),
  };
}
