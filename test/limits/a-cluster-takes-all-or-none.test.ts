import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { Claim } from '../../src/limits/store.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { claimOf, freshWindow, openRedisStore } from './stores.ts';

const START = 1_800_000_000_000;

async function open(t: TestContext) {
  const clock = { now: START };
  const { url } = await startCluster(t);
  return { clock, ...(await openRedisStore(t, clock, url)) };
}

it('limits by several keys go together or not at all, wherever their shards are', { timeout: 60_000 }, async (t) => {
  const { store } = await open(t);
  const wide = freshWindow(10);
  const narrow = freshWindow(1);
  // So many keys that they are on every shard, in every order.
  for (let i = 0; i < 12; i++) {
    const claims = [claimOf(wide, `a${i}`), claimOf(wide, `b${i}`, 2), claimOf(narrow, `c${i}`)];
    assert.ok((await store.take(claims)).every(({ granted }) => granted));
    const refused = await store.take(claims);
    assert.deepEqual(
      refused.map((v) => [v.allowed, v.granted, v.remaining]),
      [
        [true, false, 9],
        [true, false, 8],
        [false, false, 0],
      ],
    );
    assert.ok((refused[2]?.retryAfterMs ?? 0) > 0);
    assert.equal((await store.usage(wide, `a${i}`)).used, 1, 'a refused request costs nothing');
    assert.equal((await store.usage(wide, `b${i}`)).used, 2);
  }
});

it('limits after the one that refuses are not asked and say so', { timeout: 60_000 }, async (t) => {
  const { store } = await open(t);
  const [none, other] = [freshWindow(0), freshWindow(5)];
  const [refused, unasked] = await store.take([claimOf(none, 'a'), claimOf(other, 'b')]);
  assert.deepEqual([refused?.allowed, refused?.granted], [false, false]);
  assert.deepEqual([unasked?.granted, unasked?.unchecked], [false, true]);
  assert.equal((await store.usage(other, 'b')).used, 0);
});

it('of 300 at once exactly the limit passes, for one key and for two', { timeout: 60_000 }, async (t) => {
  const { store } = await open(t);
  const window = freshWindow(100, 60_000);
  const passed = async (claims: readonly Claim[]) => {
    const all = await Promise.all(Array.from({ length: 300 }, () => store.take(claims)));
    return all.filter((verdicts) => verdicts.every(({ granted }) => granted)).length;
  };
  assert.equal(await passed([claimOf(window, 'one')]), 100);
  // The second limit is the nearer one: what the first had taken for those it refused is back.
  const nearer = freshWindow(40, 60_000);
  assert.equal(await passed([claimOf(window, 'two'), claimOf(nearer, 'three')]), 40);
  assert.equal((await store.usage(window, 'two')).used, 40);
  assert.equal((await store.usage(nearer, 'three')).used, 40);
});

it('random requests with several keys are never over a limit, and cost what they took', {
  timeout: 60_000,
}, async (t) => {
  const { store, clock, changes } = await open(t);
  const request = fc.array(fc.record({ limit: fc.nat(2), key: fc.nat(3), weight: fc.integer({ min: 1, max: 3 }) }), {
    minLength: 1,
    maxLength: 4,
  });
  const step = fc.record({ passMs: fc.integer({ min: 0, max: 400 }), requests: fc.array(request, { maxLength: 4 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const windows = [freshWindow(4), freshWindow(7), freshWindow(10)];
      const uses: { at: number; id: string; weight: number }[] = [];
      const usedSince = (id: string, since: number) =>
        uses.reduce((sum, use) => (use.id === id && use.at > since ? sum + use.weight : sum), 0);
      for (const { passMs, requests } of steps) {
        clock.now += passMs;
        // At once: what one of them takes and gives back may refuse another, but never admits one too many.
        const taken = requests.map((claims) =>
          claims.map(({ limit, key, weight }) => claimOf(windows[limit] ?? freshWindow(1), `k${key}`, weight)),
        );
        const verdicts = await Promise.all(taken.map((claims) => store.take(claims)));
        for (const [i, claims] of taken.entries()) {
          if (verdicts[i]?.some(({ granted }) => !granted)) continue;
          for (const { window, key, weight } of claims) uses.push({ at: clock.now, id: window.id + key, weight });
        }
        for (const window of windows) {
          for (let key = 0; key < 4; key++) {
            const id = `${window.id}k${key}`;
            const exact = usedSince(id, clock.now - 1000);
            const late = usedSince(id, clock.now - 1050);
            assert.ok(exact <= window.limit, `${exact} used of ${window.limit}`);
            const { used } = await store.usage(window, `k${key}`);
            assert.ok(used >= exact && used <= late, `counted ${used}, used ${exact} to ${late}; ${changes}`);
          }
        }
      }
    }),
    { numRuns: 40 },
  );
});
