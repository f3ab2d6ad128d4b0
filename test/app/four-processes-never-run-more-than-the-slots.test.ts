import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testRedisUrl } from '../support/redis.ts';
import { busyClients, eventually, startCountingUpstream, startFleet } from './slot-fleet.ts';

const LIMIT = 50;

test('with 50 slots the upstream never runs 51, and none is leaked when clients leave at random', {
  timeout: 50_000,
}, async (t) => {
  const upstream = await startCountingUpstream(t, LIMIT);
  const settings = { limit: LIMIT, queue: { size: 30, timeout: '2s' } };
  const fleet = await startFleet(t, { count: 4, upstream: upstream.url, redis: await testRedisUrl(t), settings });
  const stop = busyClients(fleet.urls, 120);
  await sleep(4000);
  const statuses = await stop();
  t.diagnostic(`${upstream.served} served, most at once ${upstream.most}, answers ${JSON.stringify([...statuses])}`);
  assert.ok(upstream.most <= LIMIT, `${upstream.most} at once`);
  assert.ok(upstream.most >= LIMIT - 5, 'there was a load');
  assert.deepEqual(
    [...statuses.keys()].filter((status) => ![0, 200, 429, 503].includes(status)),
    [],
  );
  await eventually(async () => (await fleet.leases()) === 0, 5000);
  for (const index of fleet.urls.keys()) assert.deepEqual(await fleet.gauges(index), { inUse: 0, waiting: 0 });
  assert.equal(upstream.running, 0);
});
