import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import { startRedis } from '../support/redis.ts';
import { claimOf, freshWindow, openRedisStore } from './stores.ts';

it('three limits of one request are one command, seen by MONITOR', async (t) => {
  const redis = await startRedis(t);
  const { store, client } = await openRedisStore(t, undefined, redis.url);
  const claims = [claimOf(freshWindow(5)), claimOf(freshWindow(5)), claimOf(freshWindow(5))];
  await store.take(claims);
  const monitor = await client.monitor();
  t.after(() => monitor.disconnect());
  const commands: string[] = [];
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    // What a script does inside Redis costs no round trip; MONITOR shows it with the source `lua`.
    if (source !== 'lua') commands.push(String(args[0]).toLowerCase());
  });
  await store.take(claims);
  await store.take(claims);
  const seen = once(monitor, 'monitor', { signal: AbortSignal.timeout(5000) });
  await client.echo('end');
  await seen;
  while (!commands.includes('echo')) await once(monitor, 'monitor', { signal: AbortSignal.timeout(5000) });
  assert.deepEqual(commands, ['evalsha', 'evalsha', 'echo']);
});

it('two limits with room and one without: one command, and the two are left as they were', async (t) => {
  const redis = await startRedis(t);
  const { store, client } = await openRedisStore(t, undefined, redis.url);
  const [a, b, full] = [freshWindow(5), freshWindow(5), freshWindow(1)];
  await store.take([claimOf(full)]);
  const monitor = await client.monitor();
  t.after(() => monitor.disconnect());
  const commands: string[] = [];
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source !== 'lua') commands.push(String(args[0]).toLowerCase());
  });
  const verdicts = await store.take([claimOf(a), claimOf(full), claimOf(b)]);
  assert.deepEqual(
    verdicts.map(({ allowed, granted, remaining }) => [allowed, granted, remaining]),
    [
      [true, false, 5],
      [false, false, 0],
      [true, false, 5],
    ],
  );
  await client.echo('end');
  while (!commands.includes('echo')) await once(monitor, 'monitor', { signal: AbortSignal.timeout(5000) });
  assert.deepEqual(commands, ['evalsha', 'echo']);
  assert.deepEqual([(await store.usage(a, 'someone')).used, (await store.usage(b, 'someone')).used], [0, 0]);
});
