import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimitStore } from '../../src/limits/create.ts';
import { leasesKey } from '../../src/limits/redis-slots-script.ts';
import type { Slot } from '../../src/limits/slots.ts';
import { startRedis } from '../support/redis.ts';
import { bulkheadOf, openRedisSlots, slotOf, takeSlot, waitSlot } from './slot-sides.ts';

test('while Redis does not work each replica gives its share, and what it holds counts', async (t) => {
  const { slots, shut } = await openRedisSlots(t, { replicas: 2 });
  const bulkhead = bulkheadOf(5);
  const held = await takeSlot(slots, bulkhead);
  shut();
  const second = slots.take(bulkhead, 'k');
  assert.ok(typeof second === 'object' && !(second instanceof Promise), 'nobody waits for Redis');
  assert.equal(slots.take(bulkhead, 'k'), 'taken', 'floor(5 / 2)');
  const waiter = waitSlot(slots, bulkhead);
  held.end();
  await slotOf(waiter);
  assert.ok(typeof slots.take(bulkheadOf(1), 'k') === 'object', 'one at least');
});

test('who waits when Redis fails has what the share allows', async (t) => {
  const url = (await startRedis(t)).url;
  const [one, two] = [await openRedisSlots(t, { url }), await openRedisSlots(t, { url })];
  const bulkhead = bulkheadOf(1);
  await takeSlot(two.slots, bulkhead);
  const waiter = waitSlot(one.slots, bulkhead);
  one.shut();
  await slotOf(waiter);
});

test('when Redis works again, what began without it is registered and what ended without it is gone', async (t) => {
  const url = (await startRedis(t)).url;
  // Nothing is renewed in this time: it is the return of Redis that is answered.
  const leaseMs = 600_000;
  const [one, two] = [await openRedisSlots(t, { url, leaseMs }), await openRedisSlots(t, { url, leaseMs })];
  const bulkhead = bulkheadOf(3);
  const before = await takeSlot(one.slots, bulkhead);
  one.shut();
  before.end();
  const during = [await takeSlot(one.slots, bulkhead), await takeSlot(one.slots, bulkhead)];
  one.open();
  const from = performance.now();
  while ((await two.client.zcard(leasesKey(bulkhead.id, 'k'))) !== 2) assert.ok(performance.now() - from < 5000);
  await takeSlot(two.slots, bulkhead);
  assert.equal(await two.slots.take(bulkhead, 'k'), 'taken');
  during[0]?.end();
  during[1]?.end();
  while ((await two.client.zcard(leasesKey(bulkhead.id, 'k'))) !== 1);
});

test('on_store_error: allow lets everybody pass, deny nobody, and those who wait too', async (t) => {
  const { slots, shut } = await openRedisSlots(t);
  const open = bulkheadOf(1, { onStoreError: 'allow' });
  const closed = bulkheadOf(1, { onStoreError: 'deny' });
  await takeSlot(slots, open);
  await takeSlot(slots, closed);
  const [passes, denied] = [waitSlot(slots, open), waitSlot(slots, closed)];
  shut();
  await slotOf(passes);
  assert.equal(await denied.answer, 'unavailable');
  for (let i = 0; i < 10; i++) assert.equal(typeof slots.take(open, 'k'), 'object');
  assert.equal(slots.take(closed, 'k'), 'unavailable');
  assert.equal(slots.usage().find(({ id }) => id === open.id)?.held, 12, 'they are held all the same');
});

/** Everything that a Redis can do to those who hold slots. */
const faults: Readonly<
  Record<
    string,
    (redis: Awaited<ReturnType<typeof startRedis>>) => { hurt(): Promise<unknown>; heal(): Promise<unknown> }
  >
> = {
  'killed and started again': (redis) => ({ hurt: () => redis.signal('SIGKILL'), heal: () => redis.restart() }),
  'stopped and continued': (redis) => ({ hurt: () => redis.signal('SIGSTOP'), heal: () => redis.signal('SIGCONT') }),
  'read-only and a primary again': (redis) => ({
    hurt: () => redis.command('REPLICAOF', '127.0.0.1', '1'),
    heal: () => redis.command('REPLICAOF', 'NO', 'ONE'),
  }),
};

for (const [name, fault] of Object.entries(faults)) {
  test(`Redis is ${name}: one request is delayed once, and what is held stays held`, { timeout: 30_000 }, async (t) => {
    const redis = await startRedis(t);
    const { hurt, heal } = fault(redis);
    const lines: string[] = [];
    let told = Promise.withResolvers<void>();
    const tell = (_: object, message: string) => {
      lines.push(message);
      told.resolve();
    };
    const store = await createLimitStore({ redis: { url: redis.url }, log: { info: tell, warn: tell } });
    t.after(() => store.close());
    const { slots } = store;
    const bulkhead = bulkheadOf(8);
    const held: Slot[] = [];
    for (let i = 0; i < 5; i++) held.push(await takeSlot(slots, bulkhead));
    told = Promise.withResolvers();
    await hurt();
    let delayed = 0;
    for (let i = 0; i < 200; i++) {
      const from = performance.now();
      const slot = await takeSlot(slots, bulkhead);
      const took = performance.now() - from;
      if (took > 20) delayed++;
      assert.ok(took < 400, `${took} ms`);
      slot.end();
    }
    assert.ok(delayed <= 1, `${delayed} were delayed`);
    await told.promise;
    for (let i = 0; i < 3; i++) held.push(await takeSlot(slots, bulkhead));
    assert.equal(await slots.take(bulkhead, 'k'), 'taken', 'those of before and those of now count together');
    told = Promise.withResolvers();
    await heal();
    await told.promise;
    while ((await slots.inspect(bulkhead.id, 'k')).held !== 8);
    assert.equal(await slots.take(bulkhead, 'k'), 'taken');
    for (const slot of held) slot.end();
    while ((await slots.inspect(bulkhead.id, 'k')).held !== 0);
    assert.equal(lines.length, 3, lines.join('\n'));
  });
}

test('a full Redis still counts slots: each take first frees what has run out', async (t) => {
  const redis = await startRedis(t);
  const { slots, gate } = await openRedisSlots(t, { url: redis.url });
  await redis.command('CONFIG', 'SET', 'maxmemory', '1');
  const bulkhead = bulkheadOf(2);
  for (let i = 0; i < 2; i++) await takeSlot(slots, bulkhead);
  assert.equal(await slots.take(bulkhead, 'k'), 'taken');
  assert.deepEqual(gate.failures, []);
});
