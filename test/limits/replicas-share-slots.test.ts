import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { leasesKey, turnsKey } from '../../src/limits/redis-slots-script.ts';
import type { ManagedSlots } from '../../src/limits/slots.ts';
import { testRedisUrl } from '../support/redis.ts';
import {
  bulkheadOf,
  openRedisSlots,
  type RedisSideOptions,
  slotOf,
  takeSlot,
  type Waiter,
  waitSlot,
} from './slot-sides.ts';

async function replicas(t: TestContext, count: number, options: RedisSideOptions = {}) {
  const url = await testRedisUrl(t);
  return Promise.all(Array.from({ length: count }, () => openRedisSlots(t, { url, ...options })));
}

/** Takes what is there, until there is nothing for so long. */
async function until(what: () => Promise<boolean>, mostMs: number): Promise<number> {
  const from = performance.now();
  while (!(await what())) {
    if (performance.now() - from > mostMs) throw new Error(`not within ${mostMs} ms`);
    await sleep(5);
  }
  return performance.now() - from;
}

async function frees(slots: ManagedSlots, bulkhead: ReturnType<typeof bulkheadOf>): Promise<boolean> {
  return typeof (await slots.take(bulkhead, 'k')) !== 'string';
}

test('of 200 who ask four replicas at once for 50 slots, 50 get one', async (t) => {
  const all = await replicas(t, 4);
  const bulkhead = bulkheadOf(50);
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => all[i % 4]?.slots.take(bulkhead, 'k')));
  assert.equal(answers.filter((answer) => typeof answer === 'object').length, 50);
  const held = all.flatMap(({ slots }) => slots.usage().map((usage) => usage.held));
  assert.equal(
    held.reduce((sum, one) => sum + one, 0),
    50,
  );
  assert.equal((await all[0]?.slots.inspect(bulkhead.id, 'k'))?.held, 50);
});

test('who waits in one replica gets what another gives back', async (t) => {
  const [one, two] = await replicas(t, 2);
  assert.ok(one && two);
  const bulkhead = bulkheadOf(1);
  const held = await takeSlot(one.slots, bulkhead);
  const waiter = waitSlot(two.slots, bulkhead);
  const from = performance.now();
  held.end();
  await slotOf(waiter);
  t.diagnostic(`after ${(performance.now() - from).toFixed(1)} ms`);
});

test('replicas take turns: the one that gives slots back does not keep them to itself', async (t) => {
  const [one, two] = await replicas(t, 2);
  assert.ok(one && two);
  const bulkhead = bulkheadOf(1);
  const held = await takeSlot(one.slots, bulkhead);
  const order: string[] = [];
  const follow = async (name: string, waiter: Waiter) => {
    const slot = await slotOf(waiter);
    order.push(name);
    slot.end();
  };
  const busy = Array.from({ length: 6 }, () => follow('one', waitSlot(one.slots, bulkhead)));
  // They are known to Redis before the other replica's are.
  await until(async () => (await one.client.hlen(turnsKey(bulkhead.id, 'k'))) === 1, 1000);
  const other = Array.from({ length: 2 }, () => follow('two', waitSlot(two.slots, bulkhead)));
  await until(async () => (await one.client.hlen(turnsKey(bulkhead.id, 'k'))) === 2, 1000);
  held.end();
  await Promise.all([...busy, ...other]);
  assert.deepEqual(order.slice(0, 4), ['one', 'two', 'one', 'two']);
  assert.equal(await one.client.exists(turnsKey(bulkhead.id, 'k'), leasesKey(bulkhead.id, 'k')), 0, 'nothing is left');
});

test('a long exchange keeps its slot: leases are renewed', async (t) => {
  const [one, two] = await replicas(t, 2, { leaseMs: 300 });
  assert.ok(one && two);
  const bulkhead = bulkheadOf(1);
  const held = await takeSlot(one.slots, bulkhead);
  const until = performance.now() + 1200;
  while (performance.now() < until) {
    assert.equal(await two.slots.take(bulkhead, 'k'), 'taken');
    await sleep(20);
  }
  held.end();
  await takeSlot(two.slots, bulkhead);
});

test('slots of a replica that has died come back when their leases run out, and not before', async (t) => {
  const [dead, alive] = await replicas(t, 2, { leaseMs: 500 });
  assert.ok(dead && alive);
  const bulkhead = bulkheadOf(1);
  await takeSlot(dead.slots, bulkhead);
  const from = performance.now();
  await dead.close();
  const waiter = waitSlot(alive.slots, bulkhead);
  await slotOf(waiter);
  const took = performance.now() - from;
  assert.ok(took > 400 && took < 1500, `after ${took} ms`);
});

test('slots of the dead come back although the living go on', async (t) => {
  const url = await testRedisUrl(t);
  const [dead, alive] = [
    await openRedisSlots(t, { url, leaseMs: 300 }),
    await openRedisSlots(t, { url, leaseMs: 60_000 }),
  ];
  const bulkhead = bulkheadOf(2);
  await takeSlot(dead.slots, bulkhead);
  await takeSlot(alive.slots, bulkhead);
  await dead.close();
  const took = await until(() => frees(alive.slots, bulkhead), 5000);
  assert.ok(took > 200, `after ${took} ms`);
});

test('a replica that has died waiting keeps others from a slot for a second at most', async (t) => {
  const [dead, alive] = await replicas(t, 2);
  assert.ok(dead && alive);
  const bulkhead = bulkheadOf(1);
  const held = await takeSlot(alive.slots, bulkhead);
  void waitSlot(dead.slots, bulkhead);
  await until(async () => (await alive.client.hlen(turnsKey(bulkhead.id, 'k'))) === 1, 1000);
  await dead.close();
  held.end();
  const from = performance.now();
  await slotOf(waitSlot(alive.slots, bulkhead));
  const took = performance.now() - from;
  assert.ok(took < 1500, `after ${took} ms`);
});

test('who stops to wait gives its turn up at once', async (t) => {
  const [one, two] = await replicas(t, 2);
  assert.ok(one && two);
  const bulkhead = bulkheadOf(1);
  const held = await takeSlot(two.slots, bulkhead);
  // While its process asks, and between two questions.
  for (let i = 0; i < 6; i++) {
    const waiter = waitSlot(one.slots, bulkhead);
    await until(async () => (await two.client.hlen(turnsKey(bulkhead.id, 'k'))) === 1, 1000);
    await sleep(i * 7);
    waiter.leave();
    await until(async () => (await two.client.exists(turnsKey(bulkhead.id, 'k'))) === 0, 500);
  }
  held.end();
  await takeSlot(two.slots, bulkhead);
});

test('after a flush what runs is registered again with the next question, and one line says so', async (t) => {
  const lines: object[] = [];
  const said = Promise.withResolvers<void>();
  const warn = (fields: object) => {
    lines.push(fields);
    said.resolve();
  };
  const one = await openRedisSlots(t, { log: { warn } });
  const bulkhead = bulkheadOf(3);
  for (let i = 0; i < 3; i++) await takeSlot(one.slots, bulkhead);
  await one.client.del(leasesKey(bulkhead.id, 'k'));
  assert.equal(await one.slots.take(bulkhead, 'k'), 'taken');
  assert.equal(await one.client.zcard(leasesKey(bulkhead.id, 'k')), 3);
  await said.promise;
  assert.deepEqual(lines, [{ leases: 3 }]);
});

test('after a flush the renewals register again what nobody asks for', async (t) => {
  const { slots, client } = await openRedisSlots(t, { leaseMs: 300 });
  const bulkhead = bulkheadOf(2);
  await takeSlot(slots, bulkhead);
  await client.del(leasesKey(bulkhead.id, 'k'));
  await until(async () => (await client.zcard(leasesKey(bulkhead.id, 'k'))) === 1, 1000);
});

test('what lies under a key and is not ours is replaced', async (t) => {
  const { slots, client, gate } = await openRedisSlots(t);
  const bulkhead = bulkheadOf(1);
  await client.set(leasesKey(bulkhead.id, 'k'), 'text');
  await client.set(turnsKey(bulkhead.id, 'k'), 'text');
  const held = await takeSlot(slots, bulkhead);
  await client.hset(turnsKey(bulkhead.id, 'k'), 'x', 'nonsense');
  const waiter = waitSlot(slots, bulkhead);
  held.end();
  await slotOf(waiter);
  assert.deepEqual(gate.failures, []);
});

test('everything in Redis runs out by itself', async (t) => {
  const { slots, client } = await openRedisSlots(t);
  const bulkhead = bulkheadOf(1);
  await takeSlot(slots, bulkhead);
  void waitSlot(slots, bulkhead);
  await until(async () => (await client.exists(turnsKey(bulkhead.id, 'k'))) === 1, 1000);
  for (const key of [leasesKey(bulkhead.id, 'k'), turnsKey(bulkhead.id, 'k')]) {
    const ttl = await client.pttl(key);
    assert.ok(ttl > 0 && ttl <= 15_000, `${key}: ${ttl}`);
  }
});
