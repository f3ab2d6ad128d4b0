import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leasesKey, turnsKey } from '../../src/limits/redis-slots-script.ts';
import { bulkheadOf, openRedisSlots, takeSlot } from './slot-sides.ts';

test('a reset forgets the slots of the dead and keeps those of the living', async (t) => {
  const [dead, alive] = [await openRedisSlots(t), await openRedisSlots(t)];
  const bulkhead = bulkheadOf(3);
  for (let i = 0; i < 2; i++) await takeSlot(dead.slots, bulkhead);
  // Before the living one takes its own: within one millisecond they are in the order of their names.
  const set = leasesKey(bulkhead.id, 'k');
  const leases = await dead.client.zrange(set, '0', '-1');
  await takeSlot(alive.slots, bulkhead);
  const owner = leases[0]?.split(':')[0];
  assert.deepEqual(
    leases.map((id) => id.split(':')[0]),
    [owner, owner],
  );
  assert.equal(await alive.slots.reset(bulkhead.id, 'k'), 0, 'both live');
  assert.equal((await alive.slots.inspect(bulkhead.id, 'k')).held, 3);

  await dead.close();
  assert.equal(await alive.slots.take(bulkhead, 'k'), 'taken');
  // What it is like when they have not been renewed for more than half of the 15 s that a lease lasts.
  for (const id of leases) await alive.client.zadd(set, 'XX', Date.now() + 7000, id);
  assert.equal(await alive.slots.reset(bulkhead.id, 'k'), 2);
  assert.deepEqual(await alive.slots.inspect(bulkhead.id, 'k'), { limit: 3, held: 1, heldHere: 1, waitingHere: 0 });
});

test('where the clock of Redis went back, the dead keep neither slots nor turns for longer than usual', async (t) => {
  const alive = await openRedisSlots(t);
  const bulkhead = bulkheadOf(2);
  const [leases, turns] = [leasesKey(bulkhead.id, 'k'), turnsKey(bulkhead.id, 'k')];
  const anHour = 3_600_000;
  await alive.client.zadd(leases, Date.now() + anHour, 'dead:1');
  await alive.client.hset(turns, 'dead', `1 ${Date.now() + anHour}`);
  const held = await takeSlot(alive.slots, bulkhead);
  assert.equal(await alive.client.hlen(turns), 0, 'its turn is over');
  assert.equal(await alive.slots.take(bulkhead, 'k'), 'taken');
  const until = Number(await alive.client.zscore(leases, 'dead:1'));
  assert.ok(until <= Date.now() + 15_000, `${until - Date.now()} ms are left`);
  held.end();
});
