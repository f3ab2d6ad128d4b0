import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { redisKey } from '../../src/limits/redis-script.ts';
import { startRedis } from '../support/redis.ts';
import { claimOf, freshWindow, openRedisStore, takeOne } from './stores.ts';

describe('what Redis holds', () => {
  it('expires, every key of it, when its last use leaves the window', async (t) => {
    const redis = await startRedis(t);
    const { store, client } = await openRedisStore(t, undefined, redis.url);
    for (const [perMs, least, most] of [
      [50, 4000, 5000],
      [20_000, 15_000, 21_000],
      [3_600_000, 3_500_000, 3_780_000],
    ] as const) {
      const window = freshWindow(3, perMs);
      for (let i = 0; i < 5; i++) await store.take([claimOf(window, `k${i % 2}`), claimOf(freshWindow(1, perMs))]);
      const ttl = await client.pttl(redisKey(window, 'k0'));
      assert.ok(ttl > least && ttl <= most, `${ttl} ms for a window of ${perMs}`);
    }
    for (const key of await client.keys('*')) {
      assert.match(key, /^sluice:limit:/);
      assert.notEqual(await client.pttl(key), -1, `${key} never expires`);
    }
  });

  it('is on one shard of a Cluster for all limits of one client', async (t) => {
    const redis = await startRedis(t, ['--cluster-enabled', 'yes']);
    await redis.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    // Redis says that the Cluster is down until it has looked at its slots.
    while (!String(await redis.command('CLUSTER', 'INFO')).includes('cluster_state:ok')) await setTimeout(50);
    const { store, changes } = await openRedisStore(t, undefined, redis.url);
    const claims = [1000, 60_000, 3_600_000].map((perMs) => claimOf(freshWindow(5, perMs), 'ip:10.0.0.1'));
    assert.deepEqual(
      (await store.take(claims)).map((verdict) => verdict.remaining),
      [4, 4, 4],
    );
    assert.equal(await redis.command('DBSIZE'), 4, 'the three and the probe');
    assert.deepEqual(changes, ['ok']);
  });

  it('may be of another type or no slots at all: it is replaced', async (t) => {
    const { store, client, changes } = await openRedisStore(t);
    const spoil: Record<string, (key: string) => Promise<unknown>> = {
      list: (key) => client.rpush(key, 'a'),
      hash: (key) => client.hset(key, 'a', 'b'),
      text: (key) => client.set(key, 'not:a:slot \u0000 12:'),
      'a number that is no slot': (key) => client.set(key, '99999999999999999999999999:1e5'),
    };
    for (const [name, set] of Object.entries(spoil)) {
      const claim = claimOf(freshWindow(2, 60_000));
      await set(redisKey(claim.window, claim.key));
      await takeOne(store, claim);
      assert.equal((await takeOne(store, claim)).granted, name !== 'a number that is no slot', name);
      assert.ok((await client.pttl(redisKey(claim.window, claim.key))) > 0, name);
    }
    assert.deepEqual(changes, ['ok']);
  });

  it('survives a clock that goes back: nobody is locked out for longer than a window', async (t) => {
    const clock = { now: 1_800_000_000_000 };
    const { store } = await openRedisStore(t, clock);
    const claim = claimOf(freshWindow(2, 1000));
    await takeOne(store, claim);
    await takeOne(store, claim);
    clock.now -= 3_600_000;
    const refused = await takeOne(store, claim);
    assert.deepEqual([refused.allowed, refused.retryAfterMs], [false, 1050]);
    clock.now += 500;
    assert.equal((await takeOne(store, claim)).retryAfterMs, 550, 'asking again does not start the wait anew');
    clock.now += 550;
    assert.equal((await takeOne(store, claim)).remaining, 1);
  });

  it('may be flushed, script and all, without a failure', async (t) => {
    const redis = await startRedis(t);
    const { store, client, changes } = await openRedisStore(t, undefined, redis.url);
    const claim = claimOf(freshWindow(1, 60_000));
    assert.equal((await takeOne(store, claim)).granted, true);
    await client.flushall();
    assert.equal((await takeOne(store, claim)).granted, true);
    await client.script('FLUSH');
    const verdicts = await Promise.all(Array.from({ length: 10 }, () => takeOne(store, claim)));
    assert.ok(verdicts.every((verdict) => !verdict.granted));
    assert.deepEqual(changes, ['ok']);
  });
});
