import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SLOTS } from '../../src/limits/store.ts';
import { claimOf, freshWindow, stores, takeOne } from './stores.ts';

const START = 1_800_000_000_000;

for (const [name, open] of Object.entries(stores)) {
  describe(`the ${name} store`, () => {
    it('admits exactly the limit and says what is left', async (t) => {
      const store = await open(t, { now: START });
      const claim = claimOf(freshWindow(3));
      const seen = [];
      for (let i = 0; i < 5; i++) seen.push(await takeOne(store, claim));
      assert.deepEqual(
        seen.map((v) => [v.allowed, v.granted, v.limit, v.remaining]),
        [
          [true, true, 3, 2],
          [true, true, 3, 1],
          [true, true, 3, 0],
          [false, false, 3, 0],
          [false, false, 3, 0],
        ],
      );
    });

    it('lets a use go one slot after its window at the latest, and never before its window', async (t) => {
      const clock = { now: START + 7 };
      const store = await open(t, clock);
      const claim = claimOf(freshWindow(1, 1000));
      assert.equal((await takeOne(store, claim)).resetMs, 1043);
      clock.now += 1042;
      const refused = await takeOne(store, claim);
      assert.deepEqual([refused.allowed, refused.retryAfterMs, refused.resetMs], [false, 1, 1]);
      clock.now += 1;
      assert.equal((await takeOne(store, claim)).allowed, true);
    });

    it('has no edge at which twice the limit would pass', async (t) => {
      const clock = { now: START };
      const store = await open(t, clock);
      const claim = claimOf(freshWindow(10, 1000));
      let passed = 0;
      // The last and the first tenth of two neighbouring windows of a fixed-window limiter.
      for (const at of [START + 900, START + 1100]) {
        clock.now = at;
        for (let i = 0; i < 10; i++) if ((await takeOne(store, claim)).granted) passed++;
      }
      assert.equal(passed, 10);
    });

    it('charges nothing for a refused request', async (t) => {
      const clock = { now: START };
      const store = await open(t, clock);
      const claim = claimOf(freshWindow(2, 1000));
      await takeOne(store, claim);
      await takeOne(store, claim);
      for (let i = 0; i < 20; i++) {
        clock.now += 40;
        assert.equal((await takeOne(store, claim)).allowed, false);
      }
      clock.now = START + 1050;
      assert.deepEqual((await takeOne(store, claim)).remaining, 1, 'both uses have left, and only one is counted now');
    });

    it('takes all claims of a request or none', async (t) => {
      const store = await open(t, { now: START });
      const [wide, middle, narrow] = [freshWindow(10), freshWindow(10), freshWindow(1)];
      const claims = [claimOf(wide), claimOf(middle), claimOf(narrow)];
      assert.ok((await store.take(claims)).every((v) => v.granted));
      const refused = await store.take(claims);
      assert.deepEqual(
        refused.map((v) => [v.allowed, v.granted, v.remaining]),
        [
          [true, false, 9],
          [true, false, 9],
          [false, false, 0],
        ],
      );
      assert.equal((await takeOne(store, claimOf(wide))).remaining, 8);
    });

    it('counts weights, and refuses for ever what can never fit', async (t) => {
      const clock = { now: START };
      const store = await open(t, clock);
      const window = freshWindow(10, 1000);
      assert.equal((await takeOne(store, claimOf(window, 'a', 6))).remaining, 4);
      clock.now += 200;
      assert.equal((await takeOne(store, claimOf(window, 'a', 4))).remaining, 0);
      // Three units free when the six of the first slot leave; seven only when the second leaves as well.
      assert.equal((await takeOne(store, claimOf(window, 'a', 3))).retryAfterMs, 850);
      assert.equal((await takeOne(store, claimOf(window, 'a', 7))).retryAfterMs, 1050);
      assert.equal((await takeOne(store, claimOf(window, 'a', 11))).retryAfterMs, Number.POSITIVE_INFINITY);
    });

    it('adds up claims of one request on one key', async (t) => {
      const store = await open(t, { now: START });
      const window = freshWindow(5);
      const twice = await store.take([claimOf(window, 'a', 3), claimOf(window, 'a', 3)]);
      assert.deepEqual(
        twice.map((v) => [v.allowed, v.granted, v.remaining]),
        [
          [true, false, 5],
          [false, false, 5],
        ],
      );
      const fits = await store.take([claimOf(window, 'a', 3), claimOf(window, 'a', 2)]);
      assert.deepEqual(
        fits.map((v) => [v.granted, v.remaining]),
        [
          [true, 0],
          [true, 0],
        ],
      );
    });

    it('keeps keys and limits apart', async (t) => {
      const store = await open(t, { now: START });
      const window = freshWindow(1);
      for (const key of ['a', 'b', 'a|b', '', '}', '{a}', 'ü\u0000\n', 'x'.repeat(5000)]) {
        assert.equal((await takeOne(store, claimOf(window, key))).granted, true, JSON.stringify(key.slice(0, 9)));
        assert.equal((await takeOne(store, claimOf(window, key))).granted, false);
      }
      assert.equal((await takeOne(store, claimOf(freshWindow(1), 'a'))).granted, true);
    });

    it('keeps what was used when the limit changes', async (t) => {
      const clock = { now: START };
      const store = await open(t, clock);
      const window = freshWindow(4);
      for (let i = 0; i < 3; i++) await takeOne(store, claimOf(window));
      assert.equal((await takeOne(store, claimOf({ ...window, limit: 10 }))).remaining, 6);
      const lowered = await takeOne(store, claimOf({ ...window, limit: 2 }));
      assert.deepEqual([lowered.allowed, lowered.remaining], [false, 0]);
      assert.ok(lowered.retryAfterMs > 0);
    });

    it('holds for windows shorter than its slots can divide', async (t) => {
      for (const perMs of [1, 7, 250, 3_600_000]) {
        const clock = { now: START };
        const store = await open(t, clock);
        const claim = claimOf(freshWindow(1, perMs));
        await takeOne(store, claim);
        clock.now = START + perMs - 1;
        const early = await takeOne(store, claim);
        assert.equal(early.allowed, false, `${perMs} ms`);
        clock.now += early.retryAfterMs;
        assert.ok(clock.now <= START + perMs + Math.ceil(perMs / SLOTS), `${perMs} ms: at most one slot late`);
        assert.equal((await takeOne(store, claim)).allowed, true, `${perMs} ms`);
      }
    });

    it('refuses a limit of zero, and claims that make no sense before anything is taken', async (t) => {
      const store = await open(t, { now: START });
      const window = freshWindow(5);
      assert.equal((await takeOne(store, claimOf(freshWindow(0)))).retryAfterMs, Number.POSITIVE_INFINITY);
      for (const bad of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        assert.throws(() => store.take([claimOf(window), claimOf(window, 'a', bad)]), RangeError);
        assert.throws(() => store.take([claimOf({ ...window, perMs: bad })]), RangeError);
      }
      assert.equal((await takeOne(store, claimOf(window))).remaining, 4);
      assert.deepEqual(await store.take([]), []);
    });
  });
}
