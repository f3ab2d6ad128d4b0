/** The two stores under one clock, for the tests that both must pass. */
import { randomUUID } from 'node:crypto';
import { after, type TestContext } from 'node:test';
import type { Redis } from 'ioredis';
import { MemoryStore } from '../../src/limits/memory-store.ts';
import { RedisStore } from '../../src/limits/redis-store.ts';
import type { Claim, LimitStore, ManagedLimitStore, Window } from '../../src/limits/store.ts';
import { createRedis } from '../../src/resources/redis.ts';
import { testRedisUrl } from '../support/redis.ts';
import { startCluster } from '../support/redis-cluster.ts';

/** A clock that a test moves. */
export interface TestClock {
  now: number;
}

/** Opens a store that counts by the clock. */
export type OpenStore = (
  t: Pick<TestContext, 'after'>,
  clock: TestClock,
) => Promise<Omit<ManagedLimitStore, 'limiter'>>;

/** A store that counts in Redis, connected; `clock` undefined: by Redis' own time. */
export async function openRedisStore(
  t: Pick<TestContext, 'after'>,
  clock?: TestClock,
  url?: string,
): Promise<{ store: RedisStore; changes: string[]; client: Redis }> {
  const changes: string[] = [];
  const up = Promise.withResolvers<void>();
  let store: RedisStore | undefined;
  const redis = await createRedis(
    { url: url ?? (await testRedisUrl(t)) },
    {
      onState(state, reason) {
        if (state === 'ready') store?.connected();
        else store?.disconnected(reason ?? '');
      },
    },
  );
  store = new RedisStore({
    client: redis.client,
    local: new MemoryStore(),
    clock: clock && (() => clock.now),
    // The machine may be slow; how short the patience may be is not what these tests ask.
    timeoutMs: 2000,
    onChange(state, reason) {
      changes.push(reason === '' ? state : `${state}: ${reason}`);
      if (state === 'ok') up.resolve();
      else up.reject(new Error(`Redis does not work: ${reason}`));
    },
  });
  t.after(async () => {
    await store.close();
    await redis.close();
  });
  await up.promise;
  // Of one server, as the URL says.
  return { store, changes, client: redis.client as Redis };
}

/** What ends with the file: registered here, as a hook registered within a test would end with that test. */
const endings: (() => unknown)[] = [];
after(async () => {
  for (const end of endings.reverse()) await end();
});

let cluster: Promise<string> | undefined;

/** URL of one Cluster for all tests of a file. */
function sharedCluster(): Promise<string> {
  cluster ??= startCluster({ after: (end) => endings.push(end) }).then(({ url }) => url);
  return cluster;
}

/** Both stores, by name; Redis as one server and as a Cluster. */
export const stores: Readonly<Record<string, OpenStore>> = {
  memory: async (_, clock) => new MemoryStore({ clock: () => clock.now }),
  redis: async (t, clock) => (await openRedisStore(t, clock)).store,
  'redis cluster': async (t, clock) => (await openRedisStore(t, clock, await sharedCluster())).store,
};

/** A window with an id that no other test uses. */
export function freshWindow(limit: number, perMs = 1000): Window {
  return { id: `test-${randomUUID()}`, limit, perMs };
}

export function claimOf(window: Window, key = 'someone', weight = 1): Claim {
  return { window, key, weight };
}

/** Takes one claim and returns its verdict. */
export async function takeOne(store: LimitStore, claim: Claim) {
  const [verdict] = await store.take([claim]);
  if (verdict === undefined) throw new Error('a take gives one verdict for each claim');
  return verdict;
}
