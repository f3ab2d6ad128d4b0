import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { createLimitStore } from '../../src/limits/create.ts';
import { LimiterKeys } from '../../src/limits/limiter-keys.ts';
import { WindowLimiterMemory } from '../../src/limits/limiter-memory.ts';
import { WindowLimiterRedis } from '../../src/limits/limiter-redis.ts';
import { startRedis } from '../support/redis.ts';
import { openRedisStore } from './stores.ts';
import { Log } from './take-load.ts';

it('memory remembers so many keys and forgets those that are over, without a timer', async () => {
  const clock = { now: 0 };
  const keys = new LimiterKeys({ maxKeys: 100, clock: () => clock.now });
  const limiter = new WindowLimiterMemory({ points: 1, duration: 1, keys });
  for (let i = 0; i < 1000; i++) await limiter.consume(`k${i}`);
  assert.equal(keys.size, 100);
  await assert.rejects(limiter.consume('k999'), 'the newest are remembered');
  for (let i = 0; i < 1000; i++) await limiter.get(`looked-at-${i}`);
  assert.ok(keys.size <= 100, 'looking at a key remembers nothing');
  clock.now += 2000;
  for (let i = 0; i < 60; i++) await limiter.consume(`new-${i}`);
  assert.equal(keys.size, 60);
});

it('what is in Redis expires, and the scripts of other limiters on the client are left alone', async (t) => {
  const redis = await startRedis(t);
  const { client, store } = await openRedisStore(t, undefined, redis.url);
  // As it would be used: with a script of its own, which a limiter made after it must not replace.
  const customIncrTtlLuaScript = 'return {42, 1000}';
  const other = new RateLimiterRedis({ storeClient: client, points: 100, duration: 1, customIncrTtlLuaScript });
  const guard = <T>(key: string, command: () => Promise<T>) => store.guard(key, command);
  const limiter = new WindowLimiterRedis({ keyPrefix: 'ban', points: 1, duration: 10, storeClient: client, guard });
  assert.equal((await other.consume('x')).consumedPoints, 42);
  await limiter.consume('a');
  await limiter.block('b', 20);
  await limiter.set('c', 1, 20);
  const keys = (await redis.command('KEYS', '*')) as string[];
  assert.equal(keys.filter((key) => key.includes('ban')).length, 3, keys.join());
  for (const key of keys) {
    const ttl = Number(await redis.command('PTTL', key));
    assert.ok(ttl > 0 && ttl <= 20_000, `${key}: ${ttl}`);
  }
  await redis.command('SET', keys.find((key) => key.includes('{b}')) ?? '', 'garbage');
  assert.equal((await limiter.consume('b')).consumedPoints, 1, 'what is not ours counts as nothing');
});

it('a block in memory saves the round trip, and a reward or a delete lifts it', async (t) => {
  const redis = await startRedis(t);
  const { client, store } = await openRedisStore(t, undefined, redis.url);
  let asked = 0;
  const limiter = new WindowLimiterRedis({
    keyPrefix: randomUUID(),
    points: 2,
    duration: 60,
    inMemoryBlockOnConsumed: 2,
    storeClient: client,
    guard: (key, command) => {
      asked++;
      return store.guard(key, command);
    },
  });
  await limiter.consume('k');
  await assert.rejects(limiter.consume('k', 2), 'more than fits');
  await limiter.consume('k');
  asked = 0;
  for (let i = 0; i < 10; i++) await assert.rejects(limiter.consume('k'), { remainingPoints: 0 });
  assert.equal(asked, 0);
  await limiter.reward('k');
  assert.equal((await limiter.consume('k')).consumedPoints, 2);
  await limiter.delete('k');
  assert.equal((await limiter.consume('k')).consumedPoints, 1);
});

it('the insurance takes over at once while Redis does not work, and Redis takes over by itself', async (t) => {
  const redis = await startRedis(t);
  const log = new Log();
  const store = await createLimitStore({ redis: { url: redis.url }, replicas: 2, log });
  t.after(() => store.close());
  const limiter = await store.limiter('ban', { points: 4, duration: 60, blockDuration: 60 });
  assert.equal((await limiter.consume('k')).remainingPoints, 3);
  await redis.signal('SIGSTOP');
  const started = performance.now();
  assert.equal((await limiter.consume('k')).remainingPoints, 1, 'its share of two replicas');
  const first = performance.now() - started;
  assert.ok(first < 250, `waited ${first} ms`);
  const again = performance.now();
  await limiter.consume('k');
  await assert.rejects(limiter.consume('k'), { remainingPoints: 0 });
  assert.ok(performance.now() - again < 50, 'nobody waits twice');
  await redis.signal('SIGCONT');
  await log.count(3);
  const back = await limiter.get('k');
  assert.ok(back !== null && back.consumedPoints >= 1 && back.consumedPoints <= 2, `${back?.consumedPoints}`);
  assert.equal(log.lines.length, 3, log.lines.join('\n'));
});

it('who asks for no limiter does not load the library', async () => {
  const create = new URL('../../src/limits/create.ts', import.meta.url).href;
  const run = async (use: string) => {
    const script = `
      import { createRequire } from 'node:module';
      const { createLimitStore } = await import(${JSON.stringify(create)});
      const store = await createLimitStore({});
      ${use}
      console.log(Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('/rate-limiter-flexible/')));
      await store.close();`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    return (await promisify(execFile)(process.execPath, args)).stdout.trim();
  };
  assert.equal(await run(''), 'false');
  assert.equal(await run(`await store.limiter('ban', { points: 1, duration: 1 });`), 'true');
});
