/**
 * A take in a Redis Cluster, where one script reaches the keys of one shard only: the claims of one key, which share a
 * hash tag, go together. Where a request's limits count by different keys, one group after the other is taken, and what
 * was taken is given back when a later one refuses.
 */
import type { Claim, Verdict } from './store.ts';

/** What {@link takeInGroups} asks of a store. */
export interface GroupStore {
  ask(claims: readonly Claim[]): Promise<readonly Verdict[]>;
  giveBack(claims: readonly Claim[]): Promise<void>;
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
  const taken: Claim[][] = [];
  let granted = true;
  for (const indexes of groups.values()) {
    const group = indexes.map((i) => claims[i] as Claim);
    const judged = await store.ask(group);
    for (const [n, i] of indexes.entries()) verdicts[i] = judged[n] as Verdict;
    granted = judged[0]?.granted === true;
    if (!granted) break;
    taken.push(group);
  }
  if (granted) return verdicts;
  await Promise.all(taken.map((group) => store.giveBack(group)));
  return verdicts.map((verdict) => (verdict.granted ? { ...verdict, granted: false } : verdict));
}
