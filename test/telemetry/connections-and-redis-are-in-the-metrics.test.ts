import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProvider } from '../support/fake-provider.ts';
import { readMetrics } from '../support/prometheus-text.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { testRedisUrl } from '../support/redis.ts';
import { startProxy } from '../support/start-proxy.ts';

const STREAM = { method: 'POST', body: JSON.stringify({ model: 'm', stream: true, messages: [] }) };

test('connections of an upstream: one streams, one request waits for it, then it is idle; after a reload without the upstream it is gone', async (t) => {
  const gate = Promise.withResolvers<void>();
  const provider = await startProvider({ t, gate: ({ index }) => (index > 0 ? gate.promise : undefined) });
  const upstreamOptions = { pool: { connections: 1 } };
  const proxy = await startProxy({ upstream: provider.url, upstreamOptions }, { t });
  const states = async (upstream = 'openai') => {
    const all = readMetrics(await proxy.metrics());
    const read = (state: string) => all.get(`sluice_upstream_connections{upstream="${upstream}",state="${state}"}`);
    return { active: read('active'), idle: read('idle'), queued: read('queued') };
  };
  assert.deepEqual(await states(), { active: 0, idle: 0, queued: 0 });

  const first = await fetch(`${proxy.url}/openai/v1/chat/completions`, STREAM);
  const second = fetch(`${proxy.url}/openai/v1/models`);
  let seen = await states();
  while (seen.queued === 0) seen = await states();
  assert.deepEqual(seen, { active: 1, idle: 0, queued: 1 });

  const other = proxyYaml({ upstream: provider.url, dialect: 'mistral' });
  await proxy.reload(other);
  assert.deepEqual(await states(), { active: 1, idle: 0, queued: 1 }, 'it lives as long as its exchanges');
  gate.resolve();
  await Promise.all([first.text(), second.then((answer) => answer.text())]);
  while ((await states()).active !== undefined) await new Promise(setImmediate);
  assert.deepEqual(await states(), { active: undefined, idle: undefined, queued: undefined });
  assert.deepEqual(await states('mistral'), { active: 0, idle: 0, queued: 0 });

  const waited = await proxy.logged(({ path }) => path === '/openai/v1/models');
  assert.ok(typeof waited.queue_ms === 'number' && waited.queue_ms >= 1);
});

test('an unchanged upstream keeps its idle connection over a reload, a changed one counts old and new together', async (t) => {
  const gate = Promise.withResolvers<void>();
  const provider = await startProvider({ t, gate: ({ index }) => (index > 0 ? gate.promise : undefined) });
  const proxy = await startProxy({ upstream: provider.url }, { t });
  const active = async (state: string) =>
    readMetrics(await proxy.metrics()).get(`sluice_upstream_connections{upstream="openai",state="${state}"}`);
  const old = await fetch(`${proxy.url}/openai/v1/chat/completions`, STREAM);
  await proxy.reload({ upstream: provider.url, upstreamOptions: { timeouts: { idle: '7s' } } });
  const young = await fetch(`${proxy.url}/openai/v1/chat/completions`, STREAM);
  assert.equal(await active('active'), 2);
  gate.resolve();
  await Promise.all([old.text(), young.text()]);
  while ((await active('idle')) !== 1) await new Promise(setImmediate);
  await proxy.reload({ upstream: provider.url, upstreamOptions: { timeouts: { idle: '7s' } } });
  assert.equal(await active('idle'), 1);
});

test('waiting for a connection is no overhead of Sluice', async (t) => {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const provider = await startProvider({ t, gate: ({ index }) => (index > 0 ? gate.promise : undefined) });
  const proxy = await startProxy({ upstream: provider.url, upstreamOptions: { pool: { connections: 1 } } }, { t });
  const stream = () => fetch(`${proxy.url}/openai/v1/chat/completions`, STREAM);
  const overhead = async () => readMetrics(await proxy.metrics()).get('sluice_overhead_seconds_sum') ?? 0;
  for (let i = 0; i < 5; i++) await (await stream()).text(); // the first ones of a process take longer
  const before = await overhead();
  gate = Promise.withResolvers();
  const first = await stream();
  const second = stream();
  const asked = performance.now();
  while (performance.now() - asked < 1000) await overhead();
  gate.resolve();
  await Promise.all([first.text(), second.then((answer) => answer.text())]);
  const waited = await proxy.logged(({ queue_ms }) => typeof queue_ms === 'number' && queue_ms > 500);
  const taken = ((await overhead()) - before) * 1000;
  assert.ok(taken < Number(waited.queue_ms) / 4, `${taken} ms, of ${waited.queue_ms} ms in the queue`);
});

test('each answer of Redis is timed; without Redis none is', async (t) => {
  const provider = await startProvider({ t });
  const policies = [
    { policy: 'request-rate', id: `timed-${process.pid}-${Date.now()}`, with: { limit: 99, per: '1m', key: 'global' } },
  ];
  const count = async (url: string) => {
    const proxy = await startProxy({ upstream: provider.url, policies, extra: { redis: { url } } }, { t });
    const read = async () => readMetrics(await proxy.metrics());
    const before = (await read()).get('sluice_redis_command_seconds_count') ?? 0;
    for (let i = 0; i < 5; i++) await (await fetch(`${proxy.url}/openai/v1/models`)).text();
    const after = await read();
    const seconds = after.get('sluice_redis_command_seconds_sum') ?? Number.NaN;
    assert.ok(seconds >= 0 && seconds < 5, `${seconds} s`);
    return (after.get('sluice_redis_command_seconds_count') ?? 0) - before;
  };
  assert.equal(await count(await testRedisUrl(t)), 5);
  assert.equal(await count(''), 0);
});
