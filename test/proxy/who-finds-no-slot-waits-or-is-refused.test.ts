import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { definePolicy } from '../../src/policy.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { testRedisUrl } from '../support/redis.ts';
import { startTraced } from '../support/traced-proxy.ts';
import { answer, configOf, problemOf, startHeld } from './held-upstream.ts';

test('without a queue a request above the limit is refused at once, as SDKs expect it', async (t) => {
  const { run, ask, upstream } = await startHeld(t, { limit: 1 });
  const { client, exchange } = await run();
  const refused = await (await ask()).response();
  assert.equal(refused.status, 429);
  assert.equal(refused.head.get('retry-after'), '1');
  assert.equal(refused.head.get('x-should-retry'), undefined);
  const { code, policy, error, detail } = problemOf(refused.body);
  assert.deepEqual([code, policy, error?.code], ['concurrency_limited', 'concurrency', 'concurrency_limited']);
  assert.match(detail ?? '', /"concurrency" lets 1 request run at once/);
  assert.equal(upstream.exchanges.length, 1);
  await answer(exchange);
  assert.equal((await client.response()).status, 200);
  const next = await run();
  await answer(next.exchange);
  assert.equal((await next.client.response()).status, 200);
});

for (const side of ['memory', 'redis']) {
  test(`a request that waits is sent when one has ended, and its wait is told as a wait: ${side}`, async (t) => {
    const extra = side === 'redis' ? { redis: { url: await testRedisUrl(t) } } : {};
    const id = `q-${process.pid}-${performance.now()}`;
    const queue = { size: 5, timeout: '10s' };
    const held = await startHeld(t, { limit: 1, queue }, { extra, entry: { id } });
    const first = await held.run();
    const waiting = await held.ask();
    await held.gauges({ inUse: 1, waiting: 1 }, id);
    const from = performance.now();
    while (performance.now() - from < 120) await held.proxy.metrics();
    await answer(first.exchange);
    await answer(await held.upstream.nextExchange());
    assert.equal((await waiting.response()).status, 200);
    await held.proxy.logged((line) => line.msg === 'exchange');
    const line = await held.proxy.logged((one) => one.msg === 'exchange' && Number(one.queue_ms) > 0);
    assert.ok(Number(line.queue_ms) >= 120, `queue_ms ${line.queue_ms}`);
    assert.ok(Number(line.duration_ms) >= Number(line.queue_ms));
    const text = await held.proxy.metrics();
    assert.match(text, new RegExp(`^sluice_concurrency_wait_seconds_count\\{policy="${id}"\\} 1$`, 'm'));
    const overhead = /^sluice_overhead_seconds_sum (\S+)$/m.exec(text)?.[1];
    assert.ok(Number(overhead) < 0.1, `the wait is not Sluice's work: ${overhead} s`);
    assert.ok(Number(overhead) > 0);
  });
}

test('the server span tells how long its request waited', async (t) => {
  const upstream = await startRawUpstream(() => {}, { t });
  const config = configOf(upstream.url, { limit: 1, queue: { size: 5, timeout: '50ms' } });
  const { proxy, finish } = await startTraced(t, config, { sample: 1 });
  const ask = async () => {
    const client = await connectRaw(proxy.url, { t });
    await client.send('GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n');
    return client;
  };
  const first = await ask();
  const exchange = await upstream.nextExchange();
  assert.equal((await (await ask()).response()).status, 503);
  await answer(exchange);
  await first.response();
  const waits = (await finish())
    .filter(({ kind }) => kind === 'server')
    .map(({ attributes }) => [attributes['http.response.status_code'], attributes['sluice.queue.wait_ms'] ?? 0]);
  assert.deepEqual(waits.map(([status]) => status).sort(), [200, 503]);
  for (const [status, wait] of waits) assert.ok(status === 200 ? wait === 0 : Number(wait) >= 49, `${status}: ${wait}`);
});

test('a full queue refuses at once, and who has waited too long is told so', async (t) => {
  const held = await startHeld(t, { limit: 1, queue: { size: 1, timeout: '1500ms' } });
  await held.run();
  const waiting = await held.ask();
  await held.gauges({ waiting: 1 });
  const full = await (await held.ask()).response();
  assert.equal(full.status, 429);
  assert.match(problemOf(full.body).detail ?? '', /all 1 places of its queue are taken/);
  const late = await waiting.response();
  assert.equal(late.status, 503);
  assert.equal(problemOf(late.body).code, 'queue_timeout');
  assert.equal(late.head.get('retry-after'), '1');
  assert.equal(held.upstream.exchanges.length, 1);
  await held.gauges({ inUse: 1, waiting: 0 });
});

for (const way of ['reset', 'destroy'] as const) {
  test(`a client that leaves the queue (${way}) frees its place at once, and the upstream never hears of it`, async (t) => {
    const held = await startHeld(t, { limit: 1, queue: { size: 3, timeout: '10s' } });
    const { client, exchange } = await held.run();
    const { slots } = held.proxy.app.limits;
    const waiting = () => slots.usage()[0]?.waiting;
    const latencies: number[] = [];
    for (let i = 0; i < 20; i++) {
      const leaving = await held.ask();
      while (waiting() !== 1) await new Promise(setImmediate);
      const from = performance.now();
      leaving[way]();
      while (waiting() !== 0) await new Promise(setImmediate);
      latencies.push(performance.now() - from);
    }
    latencies.sort((a, b) => a - b);
    t.diagnostic(`place free after p50 ${latencies[9]?.toFixed(2)} ms, most ${latencies[19]?.toFixed(2)} ms`);
    assert.ok((latencies[9] ?? 99) < 20);
    await answer(exchange);
    assert.equal((await client.response()).status, 200);
    await held.gauges({ inUse: 0, waiting: 0 });
    assert.equal(held.upstream.exchanges.length, 1);
    assert.match(await held.proxy.metrics(), /^sluice_client_aborts_total\{phase="policy"\} 20$/m);
  });
}

test('a body goes on arriving while its request waits, and is sent whole', async (t) => {
  const held = await startHeld(t, { limit: 1, queue: { size: 3, timeout: '10s' } });
  const { exchange } = await held.run();
  const client = await held.ask({ 'content-length': '200000' }, '/openai/x');
  await held.gauges({ waiting: 1 });
  await client.send('x'.repeat(200_000));
  await answer(exchange);
  const next = await held.upstream.nextExchange();
  assert.equal((await next.body).length, 200_000);
});

test('what a header says first goes first, and what it does not say clearly goes last', async (t) => {
  const queue = { size: 10, timeout: '10s', priority: 'header:x-priority' };
  const held = await startHeld(t, { limit: 1, queue });
  let { exchange } = await held.run();
  const sent = ['', '99', '-1', '5', '9', '9, 9', '7'];
  for (const [i, priority] of sent.entries()) {
    await held.ask({ 'x-priority': priority, 'x-n': String(i) });
    await held.gauges({ waiting: i + 1 });
  }
  const order: string[] = [];
  for (let i = 0; i < sent.length; i++) {
    await answer(exchange);
    exchange = await held.upstream.nextExchange();
    order.push(sent[Number(exchange.head.get('x-n'))] ?? '?');
  }
  // The fourth turn is a lower one's in any case, and so are those after it here.
  assert.deepEqual(order, ['9', '7', '5', '', '99', '-1', '9, 9']);
});

test('in shadow mode nobody is refused or delayed; what would have been is counted and logged', async (t) => {
  const queue = { size: 3, timeout: '10s' };
  const held = await startHeld(t, { limit: 1, queue }, { entry: { mode: 'shadow' } });
  await held.run();
  await held.run();
  await held.proxy.logged(({ code, mode }) => code === 'concurrency_limited' && mode === 'shadow');
  await held.gauges({ inUse: 1, waiting: 0 });
  const decisions = 'sluice_policy_decisions_total\\{policy="concurrency",decision="deny",mode="shadow"\\} 1';
  assert.match(await held.proxy.metrics(), new RegExp(`^${decisions}$`, 'm'));
});

test('without Redis, on_store_error says who passes', async (t) => {
  const extra = { redis: { url: 'redis://127.0.0.1:1' } };
  for (const [settings, statuses] of [
    [{ on_store_error: 'deny' }, [503, 503]],
    [{}, [200, 429]],
    [{ on_store_error: 'allow' }, [200, 200]],
  ] as const) {
    const held = await startHeld(t, { limit: 1, ...settings }, { extra });
    const seen: number[] = [];
    for (const expected of statuses) {
      if (expected === 200) {
        const { exchange } = await held.run();
        await exchange.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        seen.push(200);
        continue;
      }
      const refused = await (await held.ask()).response();
      seen.push(refused.status);
      const code = expected === 429 ? 'concurrency_limited' : 'limits_unavailable';
      assert.equal(problemOf(refused.body).code, code);
    }
    assert.deepEqual(seen, statuses);
  }
});

test('clients take turns by identity, and by address where they have none', async (t) => {
  const named = definePolicy({
    name: 'named',
    summary: 'believes a header',
    schema: Type.Object({}),
    setup: () => ({
      request(ctx) {
        const name = ctx.in.headers.get('x-name');
        if (name !== undefined) ctx.setIdentity(name);
      },
    }),
  });
  const queue = { size: 20, timeout: '10s' };
  const options = { before: [{ policy: 'named' }], policies: [named] };
  const held = await startHeld(t, { limit: 1, queue }, options);
  let { exchange } = await held.run();
  const sent = ['greedy', 'greedy', 'greedy', 'greedy', 'modest', undefined];
  for (const [i, name] of sent.entries()) {
    await held.ask({ 'x-n': String(i), ...(name === undefined ? {} : { 'x-name': name }) });
    await held.gauges({ waiting: i + 1 });
  }
  const order: (string | undefined)[] = [];
  for (let i = 0; i < sent.length; i++) {
    await answer(exchange);
    exchange = await held.upstream.nextExchange();
    order.push(sent[Number(exchange.head.get('x-n'))]);
  }
  assert.deepEqual(order, ['greedy', 'modest', undefined, 'greedy', 'greedy', 'greedy']);
});

test('a WebSocket that waits is opened in its turn, and one that leaves gives its place up', async (t) => {
  const held = await startHeld(t, { limit: 1, queue: { size: 5, timeout: '10s' } });
  const { exchange } = await held.run();
  const handshake = async () => {
    const client = await connectRaw(held.proxy.url, { t });
    const key = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13';
    await client.send(
      `GET /openai/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n${key}\r\n\r\n`,
    );
    return client;
  };
  const leaving = await handshake();
  await held.gauges({ waiting: 1 });
  leaving.reset();
  await held.gauges({ waiting: 0 });
  await handshake();
  await held.gauges({ waiting: 1 });
  await answer(exchange);
  const opened = await held.upstream.nextExchange();
  assert.equal(opened.url, '/ws');
  opened.reset();
  await held.gauges({ inUse: 0, waiting: 0 });
});
