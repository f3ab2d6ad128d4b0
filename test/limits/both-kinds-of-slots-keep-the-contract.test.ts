import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Slot } from '../../src/limits/slots.ts';
import { bulkheadOf, sides, slotOf, takeSlot, type Waiter, waitSlot } from './slot-sides.ts';

for (const [name, open] of Object.entries(sides)) {
  describe(`slots in ${name}`, { timeout: 30_000 }, () => {
    it('are given up to the limit, and again once they are given back', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(3);
      const held: Slot[] = [];
      for (let i = 0; i < 3; i++) held.push(await takeSlot(slots, bulkhead));
      assert.equal(await slots.take(bulkhead, 'k'), 'taken');
      held[1]?.end();
      await takeSlot(slots, bulkhead);
      assert.equal(await slots.take(bulkhead, 'k'), 'taken');
    });

    it('are given up to the limit to those who ask at once', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(7);
      const answers = await Promise.all(Array.from({ length: 50 }, () => slots.take(bulkhead, 'k')));
      assert.equal(answers.filter((answer) => typeof answer !== 'string').length, 7);
    });

    it('count once however often they are given back', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(2);
      await takeSlot(slots, bulkhead);
      const slot = await takeSlot(slots, bulkhead);
      slot.end();
      slot.end();
      await takeSlot(slots, bulkhead);
      slot.end();
      assert.equal(await slots.take(bulkhead, 'k'), 'taken');
      assert.deepEqual(await slots.inspect(bulkhead.id, 'k'), { limit: 2, held: 2, heldHere: 2, waitingHere: 0 });
      assert.equal(slots.usage().find(({ id }) => id === bulkhead.id)?.held, 2);
    });

    it('of different keys and ids are kept apart', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(1);
      for (const key of ['a', 'b', 'a|b', '', '}', '{a}', 'ü\u0000\n', 'x'.repeat(5000)]) {
        await takeSlot(slots, bulkhead, key);
        assert.equal(await slots.take(bulkhead, key), 'taken', JSON.stringify(key.slice(0, 9)));
      }
      await takeSlot(slots, bulkheadOf(1), 'a');
    });

    it('go to who waits, in order, and nobody overtakes', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(1);
      let held = await takeSlot(slots, bulkhead);
      const waiters = Array.from({ length: 3 }, () => waitSlot(slots, bulkhead));
      for (const waiter of waiters) {
        const next = slotOf(waiter);
        held.end();
        assert.equal(await slots.take(bulkhead, 'k'), 'taken', 'others wait');
        held = await next;
      }
      held.end();
      await takeSlot(slots, bulkhead);
    });

    it('go to clients by turns, whatever each has queued', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(1);
      let held = await takeSlot(slots, bulkhead);
      const order: string[] = [];
      const wait = (client: string) => {
        const { answer } = waitSlot(slots, bulkhead, { client });
        return answer.then((slot) => {
          if (typeof slot === 'string') throw new Error(slot);
          order.push(client);
          held = slot;
        });
      };
      const greedy = Array.from({ length: 20 }, () => wait('greedy'));
      const modest = wait('modest');
      held.end();
      await greedy[0];
      held.end();
      await modest;
      assert.deepEqual(order, ['greedy', 'modest']);
      for (const next of greedy.slice(1)) {
        held.end();
        await next;
      }
    });

    it('go to the higher priority first, and every fourth to a lower one', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(1);
      const order: number[] = [];
      let held = await takeSlot(slots, bulkhead);
      const wait = async (priority: number) => {
        const slot = await slotOf(waitSlot(slots, bulkhead, { priority }));
        order.push(priority);
        held = slot;
      };
      const all = [0, 0, 3, 9, 9, 9, 9, 9, 9, 9, 9].map(wait);
      while (order.length < all.length) {
        const before = order.length;
        held.end();
        while (order.length === before) await new Promise(setImmediate);
      }
      assert.deepEqual(order, [9, 9, 9, 3, 9, 9, 9, 0, 9, 9, 0]);
    });

    it('are waited for in vain when the queue is full, the time is up or the client leaves', async (t) => {
      const waits: [string, boolean][] = [];
      const slots = await open(t, { onWait: (id, seconds) => waits.push([id, seconds >= 0]) });
      const bulkhead = bulkheadOf(1, { size: 2, timeoutMs: 60 });
      await takeSlot(slots, bulkhead);
      const [late, leaving] = [
        waitSlot(slots, bulkhead),
        waitSlot(slots, { ...bulkhead, queue: { size: 2, timeoutMs: 30_000 } }),
      ];
      const full = waitSlot(slots, bulkhead);
      assert.equal(await full.answer, 'queue_full');
      assert.deepEqual(full.waits, [], 'it has not waited');
      leaving.leave();
      assert.equal(leaving.waits.length, 1, 'told in the tick in which the client left');
      assert.equal(await leaving.answer, 'left');
      assert.equal((await slots.inspect(bulkhead.id, 'k')).waitingHere, 1, 'its place is free');
      assert.equal(await late.answer, 'timeout');
      assert.ok((late.waits[0] ?? 0) >= 59, `waited ${late.waits[0]} ms`);
      assert.deepEqual(waits, [
        [bulkhead.id, true],
        [bulkhead.id, true],
      ]);
      assert.equal(slots.usage().find(({ id }) => id === bulkhead.id)?.waiting, 0);
    });

    it('let one with fewer places in a full queue have one of who has most', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(1, { size: 4 });
      await takeSlot(slots, bulkhead);
      await takeSlot(slots, bulkhead, 'other');
      const greedy = Array.from({ length: 4 }, () => waitSlot(slots, bulkhead, { client: 'greedy' }));
      const first = waitSlot(slots, bulkhead, { client: 'modest' });
      assert.equal(await greedy[3]?.answer, 'queue_full', 'the newest one goes');
      waitSlot(slots, bulkhead, { client: 'modest', key: 'other' });
      assert.equal(await greedy[2]?.answer, 'queue_full', 'over all keys');
      assert.equal(await waitSlot(slots, bulkhead, { client: 'modest' }).answer, 'queue_full', 'both have two');
      assert.equal(await waitSlot(slots, bulkhead, { client: 'greedy' }).answer, 'queue_full');
      first.leave();
      assert.equal(await first.answer, 'left');
    });

    it('are those of the id when the limit changes: what is held counts, who waits is judged anew', async (t) => {
      const slots = await open(t);
      const before = bulkheadOf(2);
      slots.use(before);
      const held = [await takeSlot(slots, before), await takeSlot(slots, before)];
      const lower = { ...before, limit: 1 };
      slots.use(lower);
      assert.equal(await slots.take(lower, 'k'), 'taken');
      const waiter = waitSlot(slots, before);
      held[0]?.end();
      assert.equal(await slots.take(lower, 'k'), 'taken', 'one still runs, and one may');
      const higher = { ...before, limit: 2 };
      slots.use(higher);
      await slotOf(waiter);
      assert.equal(
        await slots.take(before, 'k'),
        'taken',
        'the limit in use counts, not that of the load it began with',
      );
    });

    it('stay counted while their policy is gone, and no longer', async (t) => {
      const slots = await open(t);
      const before = bulkheadOf(1);
      slots.use(before);
      const held = await takeSlot(slots, before);
      slots.retire(before);
      const again = { ...before };
      slots.use(again);
      assert.equal(await slots.take(again, 'k'), 'taken');
      held.end();
      (await takeSlot(slots, again)).end();
      slots.retire(again);
      assert.deepEqual(slots.usage(), [], 'nothing is remembered of what is not used');
    });

    it('are forgotten by a reset only where nobody holds them', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(2);
      const held = await takeSlot(slots, bulkhead);
      assert.equal(await slots.reset(bulkhead.id, 'k'), 0);
      assert.equal((await slots.inspect(bulkhead.id, 'k')).held, 1);
      held.end();
      assert.equal((await slots.inspect(bulkhead.id, 'k')).held, 0);
    });

    it('are refused to all who wait when they are closed', async (t) => {
      const slots = await open(t);
      const bulkhead = bulkheadOf(1);
      await takeSlot(slots, bulkhead);
      const waiters: Waiter[] = [waitSlot(slots, bulkhead), waitSlot(slots, bulkhead)];
      await slots.close();
      assert.deepEqual(await Promise.all(waiters.map(({ answer }) => answer)), ['unavailable', 'unavailable']);
    });
  });
}

it('a free slot in memory is given without a promise', async (t) => {
  const slots = await sides.memory?.(t);
  const answer = slots?.take(bulkheadOf(1), 'k');
  assert.ok(typeof answer === 'object' && !(answer instanceof Promise));
});
