import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testRedisUrl } from '../support/redis.ts';
import { busyClients } from './busy-clients.ts';
import { eventually, startCountingUpstream, startFleet } from './slot-fleet.ts';

const LIMIT = 50;

test('with 50 slots the upstream never runs 51, and none is leaked when clients leave at random', {
  timeout: 75_000,
}, async (t) => {
  const upstream = await startCountingUpstream(t, LIMIT);
  // A Redis that gets no CPU is late, and while it is each process gives a share of its own, which may be more than 50
  // together, as documented. With `deny` the limit holds at any time, so that 51 are a fault on a busy machine too.
  const settings = { limit: LIMIT, queue: { size: 30, timeout: '2s' }, on_store_error: 'deny' };
  const fleet = await startFleet(t, { count: 4, upstream: upstream.url, redis: await testRedisUrl(t), settings });
  const stop = busyClients(t, { fleet, upstream, count: 120 });
  await sleep(4000);
  await eventually(async () => upstream.most >= LIMIT - 5, 10_000);
  const statuses = await stop();
  t.diagnostic(`${upstream.served} served, most at once ${upstream.most}, answers ${JSON.stringify([...statuses])}`);
  assert.ok(upstream.most <= LIMIT, `${upstream.most} at once`);
  assert.deepEqual(
    [...statuses.keys()].filter((status) => ![0, 200, 429, 503].includes(status)),
    [],
  );
  await eventually(async () => (await fleet.leases()) === 0, 10_000);
  for (const index of fleet.urls.keys()) {
    await eventually(async () => {
      const { inUse, waiting } = await fleet.gauges(index);
      return inUse === 0 && waiting === 0;
    }, 5000);
  }
  await eventually(async () => upstream.running === 0, 5000);
});
