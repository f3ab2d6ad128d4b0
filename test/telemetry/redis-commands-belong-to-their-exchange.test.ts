import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { tracingChannel } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { enter, leave, type RedisCommand, watchCommands } from '../../src/resources/redis-commands.ts';
import { startProvider } from '../support/fake-provider.ts';
import type { ReceivedSpan } from '../support/otlp-receiver.ts';
import { startRedis, testRedisUrl } from '../support/redis.ts';
import { startProxy } from '../support/start-proxy.ts';
import { serverSpan, startTraced } from '../support/traced-proxy.ts';

const channel = tracingChannel('ioredis:command');
const limits = () => [
  { policy: 'request-rate', id: `one-${randomUUID()}`, with: { limit: 1000, per: '1m', key: 'global' } },
  { policy: 'request-rate', id: `two-${randomUUID()}`, with: { limit: 1000, per: '1m', key: 'header:x-player-id' } },
];
const commandsOf = (spans: readonly ReceivedSpan[]) =>
  spans.filter(({ attributes }) => attributes['db.system.name'] === 'redis');

test('twenty exchanges at once, half of them of another app, each have their own command and nobody else’s', async (t) => {
  const provider = await startProvider({ t });
  const redis = { url: await testRedisUrl(t) };
  const start = () => startTraced(t, { upstream: provider.url, policies: limits(), extra: { redis } }, { sample: 1 });
  const [one, two] = [await start(), await start()];
  const ask = async (url: string) =>
    (await fetch(`${url}/openai/v1/models`, { headers: { 'x-player-id': 'p' } })).text();
  const asked = Array.from({ length: 20 }, (_, i) => ask((i % 2 === 0 ? one : two).proxy.url));
  await Promise.all(asked);
  for (const app of [one, two]) {
    const spans = await app.finish();
    const servers = spans.filter(({ kind }) => kind === 'server');
    assert.equal(servers.length, 10);
    const parents = commandsOf(spans).map(({ parentSpanId, traceId }) => `${traceId} ${parentSpanId}`);
    assert.deepEqual(parents.sort(), servers.map(({ spanId, traceId }) => `${traceId} ${spanId}`).sort());
    assert.ok(!JSON.stringify(spans).includes('sluice:limit'), 'no key of Redis is in a span');
  }
});

test('nobody listens to commands without traces, without Redis, and after the last app has closed', async (t) => {
  const provider = await startProvider({ t });
  const config = { upstream: provider.url, policies: limits() };
  const redis = { url: await testRedisUrl(t) };
  assert.equal(channel.hasSubscribers, false);
  await startProxy({ ...config, extra: { redis } }, { t });
  assert.equal(channel.hasSubscribers, false, 'traces are off');
  const { finish: finishLocal } = await startTraced(t, config);
  assert.equal(channel.hasSubscribers, false, 'limits are per process');
  await finishLocal();
  const one = await startTraced(t, { ...config, extra: { redis } });
  const two = await startTraced(t, { ...config, extra: { redis } });
  assert.equal(channel.hasSubscribers, true);
  await one.finish();
  assert.equal(channel.hasSubscribers, true, 'the other app still listens');
  await two.finish();
  assert.equal(channel.hasSubscribers, false);
});

test('a command that Redis does not answer in time is an error span, though the exchange went on without it', async (t) => {
  const provider = await startProvider({ t });
  const redis = await startRedis(t);
  const config = { upstream: provider.url, policies: limits(), extra: { redis: { url: redis.url } } };
  const { proxy, collector } = await startTraced(t, config, { sample: 1 });
  const warm = await fetch(`${proxy.url}/openai/v1/models`);
  await warm.text();
  const before = (await collector.spans(3)).length;
  await redis.signal('SIGSTOP');
  t.after(() => redis.signal('SIGCONT'));
  const answer = await fetch(`${proxy.url}/openai/v1/models`);
  assert.equal(answer.status, 200);
  await answer.text();
  const spans = (await collector.spans(before + 3)).slice(before);
  const [command, ...more] = commandsOf(spans);
  assert.deepEqual(more, []);
  assert.equal(command?.parentSpanId, serverSpan(spans)?.spanId);
  assert.equal(command?.status, 'error');
  assert.match(String(command?.attributes['error.type']), /^(timeout|disconnected)$/);
  assert.equal(serverSpan(spans)?.status, 'unset');
});

test('an error of Redis is told by its code, and a command of nobody is left out', async (t) => {
  const unwatch = watchCommands();
  t.after(unwatch);
  const told: RedisCommand[] = [];
  const message = { command: 'evalsha', args: ['key'], database: 2, serverAddress: 'r', serverPort: 1 };
  const refused = Object.assign(new Error('READONLY You can’t write'), { name: 'ReplyError' });
  const run = (error?: Error) =>
    channel.tracePromise(() => (error === undefined ? Promise.resolve() : Promise.reject(error)), { ...message });
  await run();
  const before = enter({ command: (command) => told.push(command) });
  const runs = [run(), run(refused), run(Object.assign(new Error('gone'), { code: 'ECONNRESET' }))];
  leave(before);
  runs.push(run());
  await Promise.allSettled(runs);
  assert.deepEqual(
    told.map(({ name, database, address, port, errorType }) => [name, database, address, port, errorType]),
    [
      ['EVALSHA', 2, 'r', 1, undefined],
      ['EVALSHA', 2, 'r', 1, 'READONLY'],
      ['EVALSHA', 2, 'r', 1, 'ECONNRESET'],
    ],
  );
});
