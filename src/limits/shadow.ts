/** Counters of their own for policies in shadow mode, so that trying a limit out takes nothing from anybody. */
import type { Claim, LimitStore, Verdict, Window } from './store.ts';

/**
 * A view of a store in which every window's id is prefixed; state is kept apart from the enforcing policy's. The `/`
 * cannot occur in a policy's id, so no policy can share it by accident.
 */
export function shadowStore(store: LimitStore, prefix = 'shadow/'): LimitStore {
  // One renamed window for each configured one: windows live as long as their pipeline.
  const windows = new WeakMap<Window, Window>();
  return {
    take(claims: readonly Claim[]): readonly Verdict[] | Promise<readonly Verdict[]> {
      return store.take(
        claims.map((claim) => {
          let window = windows.get(claim.window);
          if (window === undefined) {
            window = { ...claim.window, id: prefix + claim.window.id };
            windows.set(claim.window, window);
          }
          return { ...claim, window };
        }),
      );
    },
  };
}
