/**
 * A take in a Redis Cluster, where one script reaches the keys of one shard only: the claims of one key, which share a
 * hash tag, go together. Where a request's limits count by different keys, one group after the other is taken, and what
 * was taken is given back when a later one refuses.
 */
import type { Claim, Verdict } from './store.ts';

/** What {@link takeInGroups} asks of a store. */
export interface GroupStore {
  /** Takes; `at` is when, by the clock of the shard. */
  ask(claims: readonly Claim[]): Promise<{ readonly verdicts: readonly Verdict[]; readonly at: number }>;
  /** Gives back what was taken then. */
  giveBack(claims: readonly Claim[], at: number): Promise<void>;
}

/** Whether all claims are on one shard. */
export function oneShard(claims: readonly Claim[]): boolean {
  return claims.every(({ key }) => key === claims[0]?.key);
}

/** Takes all or none. Limits after the one that refuses are not asked: their verdicts are `unchecked`. */
export async function takeInGroups(claims: readonly Claim[], store: GroupStore): Promise<readonly Verdict[]> {
  const groups = Map.groupBy(claims.keys(), (i) => claims[i]?.key);
  const verdicts = claims.map(({ window: { limit } }): Verdict => {
    return { allowed: true, granted: false, limit, remaining: limit, resetMs: 0, retryAfterMs: 0, unchecked: true };
  });
  const taken: { group: Claim[]; at: number }[] = [];
  let granted = true;
  for (const indexes of groups.values()) {
    const group = indexes.map((i) => claims[i] as Claim);
    const { verdicts: judged, at } = await store.ask(group);
    for (const [n, i] of indexes.entries()) verdicts[i] = judged[n] as Verdict;
    granted = judged[0]?.granted === true;
    if (!granted) break;
    taken.push({ group, at });
  }
  if (granted) return verdicts;
  await Promise.all(taken.map(({ group, at }) => store.giveBack(group, at)));
  return verdicts.map((verdict, i) => (verdict.granted ? given(verdict, claims[i] as Claim, claims) : verdict));
}

/** The verdict on units that were taken and given back; several claims may have taken from one limit. */
function given(verdict: Verdict, { window, key }: Claim, claims: readonly Claim[]): Verdict {
  let back = 0;
  for (const claim of claims) if (claim.key === key && claim.window.id === window.id) back += claim.weight;
  return { ...verdict, granted: false, remaining: Math.min(verdict.limit, verdict.remaining + back) };
}
