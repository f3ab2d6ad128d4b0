import assert from 'node:assert/strict';
import { it } from 'node:test';
import { testRedisUrl } from '../support/redis.ts';
import { claimOf, freshWindow, openRedisStore } from './stores.ts';

it('of 300 takes at once through two connections exactly 100 pass a limit of 100', async (t) => {
  const url = await testRedisUrl(t);
  const [one, other] = await Promise.all([openRedisStore(t, undefined, url), openRedisStore(t, undefined, url)]);
  const claim = claimOf(freshWindow(100, 60_000));
  const takes = Array.from({ length: 300 }, (_, i) => (i % 2 === 0 ? one : other).store.take([claim]));
  const verdicts = (await Promise.all(takes)).flat();
  assert.equal(verdicts.filter((verdict) => verdict.granted).length, 100);
  const remaining = verdicts.filter((verdict) => verdict.granted).map((verdict) => verdict.remaining);
  assert.deepEqual(
    remaining.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
    'each of them was told another number',
  );
  assert.deepEqual([one.changes, other.changes], [['ok'], ['ok']]);
});
