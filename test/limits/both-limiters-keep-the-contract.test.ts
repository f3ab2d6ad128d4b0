import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Limiter, LimiterOptions } from '../../src/limits/limiter.ts';
import { LimiterKeys } from '../../src/limits/limiter-keys.ts';
import { WindowLimiterMemory } from '../../src/limits/limiter-memory.ts';
import { WindowLimiterRedis } from '../../src/limits/limiter-redis.ts';
import { openRedisStore, type TestClock } from './stores.ts';

type Open = (t: Pick<TestContext, 'after'>, clock: TestClock, options: LimiterOptions) => Promise<Limiter>;

const limiters: Record<string, Open> = {
  memory: async (_, clock, options) =>
    new WindowLimiterMemory({ ...options, keys: new LimiterKeys({ clock: () => clock.now }) }),
  redis: async (t, clock, options) => {
    const { client, store } = await openRedisStore(t);
    return new WindowLimiterRedis({
      ...options,
      keyPrefix: `test-${randomUUID()}`,
      storeClient: client,
      guard: (key, command) => store.guard(key, command),
      clock: () => clock.now,
    });
  },
};

const START = 1_800_000_000_000;

/** The result, and whether it was let through. */
async function consume(limiter: Limiter, points = 1, key = 'k') {
  const settled = await limiter.consume(key, points).then(
    (res) => ({ ok: true, res }),
    (res: unknown) => ({ ok: false, res }),
  );
  assert.ok(settled.res instanceof RateLimiterRes, String(settled.res));
  return {
    ok: settled.ok,
    used: settled.res.consumedPoints,
    left: settled.res.remainingPoints,
    ms: settled.res.msBeforeNext,
  };
}

for (const [name, open] of Object.entries(limiters)) {
  describe(`the ${name} limiter`, () => {
    it('is the one of rate-limiter-flexible', async (t) => {
      const limiter = await open(t, { now: START }, { points: 1, duration: 1 });
      assert.ok(limiter instanceof (name === 'redis' ? RateLimiterRedis : RateLimiterMemory));
    });

    it('admits its points in any window, and a refused consume costs nothing', async (t) => {
      const clock = { now: START };
      const limiter = await open(t, clock, { points: 2, duration: 1 });
      assert.deepEqual(await consume(limiter), { ok: true, used: 1, left: 1, ms: 1050 });
      clock.now += 900;
      assert.deepEqual(await consume(limiter), { ok: true, used: 2, left: 0, ms: 150 });
      for (let i = 0; i < 5; i++) assert.deepEqual(await consume(limiter), { ok: false, used: 3, left: 0, ms: 150 });
      clock.now += 150;
      assert.deepEqual(await consume(limiter), { ok: true, used: 2, left: 0, ms: 900 }, 'no edge lets two more in');
      assert.equal((await consume(limiter, 3)).ms, Number.POSITIVE_INFINITY, 'more than ever fits');
    });

    it('holds for durations below a second', async (t) => {
      const clock = { now: START };
      const limiter = await open(t, clock, { points: 1, duration: 0.2 });
      assert.equal((await consume(limiter)).ok, true);
      clock.now += 209;
      assert.deepEqual(await consume(limiter), { ok: false, used: 2, left: 0, ms: 1 });
      clock.now += 1;
      assert.equal((await consume(limiter)).ok, true);
    });

    it('a penalty may go beyond the points; a reward gives back and makes no debts', async (t) => {
      const limiter = await open(t, { now: START }, { points: 3, duration: 10 });
      assert.equal((await limiter.penalty('k', 5)).consumedPoints, 5);
      assert.equal((await consume(limiter)).ok, false);
      assert.equal((await limiter.reward('k', 4)).consumedPoints, 1);
      assert.equal((await consume(limiter)).used, 2);
      const rewarded = await limiter.reward('k', 100);
      assert.deepEqual([rewarded.consumedPoints, rewarded.remainingPoints], [0, 3]);
      assert.equal(await limiter.get('k'), null);
      await limiter.reward('never seen', 5);
      assert.equal((await consume(limiter, 3, 'never seen')).ok, true);
      assert.equal((await consume(limiter, 1, 'never seen')).ok, false, 'a reward is no credit');
    });

    it('a block refuses for its whole duration whatever the window says, and ends then', async (t) => {
      const clock = { now: START };
      const limiter = await open(t, clock, { points: 5, duration: 1 });
      assert.equal((await limiter.block('k', 60)).msBeforeNext, 60_000);
      clock.now += 30_000;
      await limiter.reward('k', 9);
      assert.deepEqual(await consume(limiter), { ok: false, used: 6, left: 0, ms: 30_000 });
      clock.now += 29_999;
      assert.equal((await limiter.get('k'))?.msBeforeNext, 1);
      assert.deepEqual((await consume(limiter)).ms, 1);
      clock.now += 1;
      assert.equal((await consume(limiter)).ok, true);
    });

    it('blocks by itself for blockDuration, once, from the first refusal', async (t) => {
      const clock = { now: START };
      const limiter = await open(t, clock, { points: 1, duration: 1, blockDuration: 20 });
      await consume(limiter);
      assert.equal((await consume(limiter)).ms, 20_000);
      clock.now += 15_000;
      assert.equal((await consume(limiter)).ms, 5000, 'a refused call does not make it longer');
      clock.now += 5000;
      assert.equal((await consume(limiter)).ok, true);
    });

    it('set replaces what was used and lifts a block; delete forgets all', async (t) => {
      const clock = { now: START };
      const limiter = await open(t, clock, { points: 5, duration: 1 });
      await consume(limiter, 5);
      await limiter.block('k', 60);
      assert.equal((await limiter.set('k', 4, 30)).consumedPoints, 4);
      assert.deepEqual(await consume(limiter), { ok: true, used: 5, left: 0, ms: 1050 });
      clock.now += 29_999;
      assert.equal((await limiter.get('k'))?.consumedPoints, 4, 'what is set stays for its own duration');
      clock.now += 1;
      assert.equal(await limiter.get('k'), null);
      await limiter.block('k', 60);
      assert.equal(await limiter.delete('k'), true);
      assert.equal(await limiter.delete('k'), false);
      assert.equal((await consume(limiter, 5)).ok, true);
    });

    it('refuses what it cannot count with an error that says so', async (t) => {
      const limiter = await open(t, { now: START }, { points: 2, duration: 1 });
      for (const bad of [0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, '1' as unknown as number]) {
        await assert.rejects(limiter.consume('k', bad), /whole number/);
        await assert.rejects(limiter.penalty('k', bad), /whole number/);
        await assert.rejects(limiter.reward('k', bad), /whole number/);
        await assert.rejects(limiter.set('k', bad, 1), /whole number/);
      }
      for (const bad of [0, -1, Number.NaN]) await assert.rejects(limiter.block('k', bad), /seconds/);
      await assert.rejects(limiter.consume('k', 1, { customDuration: 5 }), /customDuration/);
      await assert.rejects(open(t, { now: START }, { points: 1.5, duration: 1 }), /whole number/);
      await assert.rejects(open(t, { now: START }, { points: 1, duration: 0 }), /seconds/);
      assert.equal(await limiter.get('k'), null);
    });

    it('keeps hostile keys apart', async (t) => {
      const limiter = await open(t, { now: START }, { points: 1, duration: 1 });
      for (const key of ['', '}', '{a}', 'a:b', '__proto__', 'ü\u0000\n', 'x'.repeat(5000)]) {
        assert.equal((await consume(limiter, 1, key)).ok, true, key.slice(0, 9));
        assert.equal((await consume(limiter, 1, key)).ok, false);
      }
    });

    it('spreads what it admits with execEvenly', async (t) => {
      const limiter = await open(t, { now: START }, { points: 5, duration: 0.1, execEvenly: true });
      const started = performance.now();
      await limiter.consume('k');
      const first = performance.now() - started;
      await limiter.consume('k');
      assert.ok(performance.now() - started - first >= 19, 'the second waits');
    });

    it('admits exactly its points of many at once', async (t) => {
      const limiter = await open(t, { now: START }, { points: 50, duration: 10 });
      const all = await Promise.all(Array.from({ length: 150 }, () => consume(limiter)));
      assert.equal(all.filter(({ ok }) => ok).length, 50);
    });
  });
}

it('both answer alike to random calls', async (t) => {
  const call = fc.record({
    passMs: fc.integer({ min: 0, max: 400 }),
    what: fc.constantFrom('consume', 'consume', 'consume', 'penalty', 'reward', 'set', 'block', 'delete', 'get'),
    points: fc.integer({ min: 0, max: 6 }),
    seconds: fc.integer({ min: 1, max: 30 }),
  });
  const clock = { now: START };
  const options = { points: 5, duration: 1 };
  const redis = await limiters.redis?.(t, clock, options);
  const blocking = await limiters.redis?.(t, clock, { ...options, blockDuration: 0.7 });
  assert.ok(redis !== undefined && blocking !== undefined);
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(call, { minLength: 1, maxLength: 25 }), async (blocks, calls) => {
      const key = randomUUID();
      const shared = blocks ? blocking : redis;
      const keys = new LimiterKeys({ clock: () => clock.now });
      const memory = new WindowLimiterMemory({ ...options, blockDuration: blocks ? 0.7 : 0, keys });
      for (const { passMs, what, points, seconds } of calls) {
        clock.now += passMs;
        const ask = async (limiter: Limiter): Promise<unknown> => {
          if (what === 'set') return (await limiter.set(key, points, seconds / 10)).toJSON();
          if (what === 'block') return (await limiter.block(key, seconds / 10)).toJSON();
          if (what === 'delete') return limiter.delete(key);
          if (what === 'get') return (await limiter.get(key))?.toJSON();
          return limiter[what](key, points).then(
            (res) => res.toJSON(),
            (res: RateLimiterRes) => ({ refused: res.toJSON() }),
          );
        };
        assert.deepEqual(await ask(shared), await ask(memory), what);
      }
    }),
    { numRuns: 150 },
  );
});
