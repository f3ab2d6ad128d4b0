import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const GET = 'GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n';
const STREAM = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

async function start(t: TestContext, answer: string, options: object = {}) {
  const upstream = await startRawUpstream((exchange) => void (answer !== '' && exchange.write(answer)), {
    t,
    on: 'head',
  });
  const proxy = await startProxy({ upstream: upstream.url, ...options }, { t });
  return { upstream, proxy, client: await connectRaw(proxy.url) };
}

async function idle(proxy: Awaited<ReturnType<typeof startProxy>>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (/^sluice_active_requests 0$/m.test(await proxy.metrics())) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail('an exchange is still active');
}

test('when a pipelining client dies, the request that runs ends and those behind it never begin', async (t) => {
  const { upstream, proxy, client } = await start(t, '');
  await client.send(GET.repeat(12));
  const exchange = await upstream.nextExchange();
  client.reset();
  await idle(proxy);
  await exchange.closed;
  assert.equal(upstream.exchanges.length, 1);
});

test('a request pipelined behind one without Host ends, also when garbage follows', async (t) => {
  const { proxy, client } = await start(t, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  await client.send(`POST /openai/x HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello${GET}nonsense\r\n`);
  await client.closed;
  await idle(proxy);
});

test('an upstream that answers before it has read the body: the client reads it, and nothing stays', async (t) => {
  const answer = 'HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno';
  const { proxy, client } = await start(t, answer);
  await client.send('POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n\r\n');
  await client.send(Buffer.alloc(300_000));
  const response = await client.response();
  assert.equal(response.status, 413);
  assert.equal(response.body.toString(), 'no');
  await idle(proxy);
  assert.ok(await client.closed, 'a client that goes on sending is cut off after a while');
});

test('a refusal reaches a client that is still sending', async (t) => {
  const { upstream, client, proxy } = await start(t, '', { policies: [{ policy: 'body-limit', with: { max: 1000 } }] });
  await client.send('POST /openai/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
  for (let i = 0; i < 20; i++) await client.send(`3e8\r\n${'a'.repeat(1000)}\r\n`);
  assert.equal((await client.response()).status, 413);
  await idle(proxy);
  await Promise.all(upstream.exchanges.map((exchange) => exchange.closed));
});

test('closing the app ends what is read on for a client that has left', async (t) => {
  const drain = { routeOptions: { on_client_abort: { drain: { max_seconds: 60, max_bytes: 1000 } } } };
  const { upstream, proxy, client } = await start(t, STREAM, drain);
  await client.send(GET);
  const exchange = await upstream.nextExchange();
  await client.head();
  client.reset();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await proxy.close();
  await exchange.closed;
  assert.ok(proxy.logs.some((line) => line.msg === 'exchange' && line.outcome === 'client_abort'));
});
