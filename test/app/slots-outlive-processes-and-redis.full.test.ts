import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '../support/redis.ts';
import { busyClients } from './busy-clients.ts';
import { eventually, type Sent, send, startCountingUpstream, startFleet } from './slot-fleet.ts';

const LIMIT = 50;
/** As documented: a lease, and what it takes to notice. */
const LEASE_MS = 15_000;

async function start(t: TestContext, settings: object = {}) {
  const redis = await startRedis(t);
  const upstream = await startCountingUpstream(t, LIMIT);
  const fleet = await startFleet(t, {
    count: 4,
    upstream: upstream.url,
    redis: redis.url,
    settings: { limit: LIMIT, ...settings },
  });
  /** Streams that hold every slot, each process its part. */
  const fill = async (): Promise<Sent[]> => {
    const sent = Array.from({ length: LIMIT }, (_, i) => send(`${fleet.urls[i % 4]}/openai/hold`));
    assert.deepEqual(new Set(await Promise.all(sent.map(({ begun }) => begun))), new Set([true]));
    return sent;
  };
  const refused = async (index: number) => {
    const { status } = send(`${fleet.urls[index]}/openai/hold`);
    assert.equal(await status, 429);
  };
  const finish = async (streams: readonly Sent[]) => {
    for (const response of upstream.held) response.end('done\n');
    const statuses = await Promise.all(streams.map(({ status }) => status));
    await eventually(async () => (await fleet.leases()) === 0, 20_000);
    return statuses;
  };
  return { redis, upstream, fleet, fill, refused, finish };
}

test('slots of a process killed with SIGKILL come back within the lease, and not before', async (t) => {
  const { upstream, fleet, fill, refused } = await start(t);
  await fill();
  await refused(1);
  const [victim] = fleet.processes;
  await victim?.kill('SIGKILL');
  await eventually(async () => upstream.running < LIMIT, 2000);
  const lost = LIMIT - upstream.running;
  await refused(1);
  let back = 0;
  const took = await eventually(async () => {
    const sent = send(`${fleet.urls[1 + (back % 3)]}/openai/hold`);
    if (await sent.begun) back++;
    return back === lost;
  }, LEASE_MS + 2000);
  t.diagnostic(`${lost} slots were back ${(took / 1000).toFixed(1)} s after the kill`);
  await refused(2);
  assert.equal(upstream.most, LIMIT);
});

test('streams longer than a lease keep their slots', async (t) => {
  const { fill, refused, finish, fleet } = await start(t);
  const streams = await fill();
  await sleep(LEASE_MS + 3000);
  assert.equal(await fleet.leases(), LIMIT);
  await refused(3);
  assert.deepEqual(new Set(await finish(streams)), new Set([200]));
});

test('Redis is killed, started again and flushed while streams hold slots: they go on and are counted again', async (t) => {
  const { redis, fleet, fill, refused, finish } = await start(t);
  const streams = await fill();
  await redis.signal('SIGKILL');
  for (const index of fleet.urls.keys()) {
    const from = performance.now();
    // Alone it may have 50, and holds 13 at most: its share is not used up.
    const sent = send(`${fleet.urls[index]}/openai/x`);
    assert.equal(await sent.status, 200);
    assert.ok(performance.now() - from < 1000);
  }
  await redis.restart();
  const took = await eventually(async () => (await fleet.leases()) === LIMIT, 10_000);
  t.diagnostic(`all leases were there again ${took.toFixed(0)} ms after Redis was`);
  await refused(0);
  await redis.command('FLUSHALL');
  await eventually(async () => (await fleet.leases()) === LIMIT, 7000);
  await refused(1);
  assert.deepEqual(new Set(await finish(streams)), new Set([200]));
});

test('a process that stood still for longer than its leases says so and holds its slots again', async (t) => {
  const { fleet, fill, finish } = await start(t);
  const streams = await fill();
  const [, , sleeper] = fleet.processes;
  sleeper?.signal('SIGSTOP');
  // The renewals of the others take out what has run out.
  await eventually(async () => (await fleet.leases()) <= LIMIT - 12, LEASE_MS + 7000);
  sleeper?.signal('SIGCONT');
  const line = await sleeper?.logged(({ msg }) => typeof msg === 'string' && msg.includes('registered again'));
  assert.ok(Number(line?.leases) >= 12, JSON.stringify(line));
  for (const stream of streams) stream.leave('RST');
  await finish([]);
});

test('thirty seconds of clients that leave, with reloads, Redis killed and stopped in between: none is leaked', async (t) => {
  const { redis, fleet, upstream, finish } = await start(t, { queue: { size: 40, timeout: '2s' } });
  const stop = busyClients(t, { fleet, upstream, count: 150 });
  for (let round = 0; round < 3; round++) {
    await sleep(2000);
    for (const one of fleet.processes) one.signal('SIGHUP');
    await sleep(2000);
    await redis.signal('SIGKILL');
    await sleep(1000);
    await redis.restart();
    await sleep(2000);
    await redis.signal('SIGSTOP');
    await sleep(500);
    await redis.signal('SIGCONT');
    await sleep(1500);
    await redis.command('FLUSHALL');
  }
  const statuses = await stop();
  t.diagnostic(`${upstream.served} served, answers ${JSON.stringify([...statuses])}`);
  assert.deepEqual(
    [...statuses.keys()].filter((status) => ![0, 200, 429, 503].includes(status)),
    [],
  );
  await finish([]);
  for (const index of fleet.urls.keys()) {
    await eventually(async () => (await fleet.gauges(index)).inUse === 0, 5000);
    assert.deepEqual(await fleet.gauges(index), { inUse: 0, waiting: 0 });
  }
});
