import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 500000000\r\n\r\n';
const GET = 'GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n';
const block = Buffer.alloc(64 * 1024, 97);

/** An upstream that sends as fast as it is read, and does not stop. */
const flood = () =>
  startRawUpstream(async (exchange) => {
    await exchange.write(HEAD);
    while (await exchange.write(block));
  });

test('after server.client_stall it is cut off, the upstream too, and what it never got is counted', async () => {
  const upstream = await flood();
  const proxy = await startProxy({ upstream: upstream.url, extra: { server: { client_stall: '200ms' } } });
  const client = await connectRaw(proxy.url);
  client.pause();
  await client.send(GET);
  const exchange = await upstream.nextExchange();
  await exchange.closed;
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(line.outcome, 'client_abort');
  assert.equal(line.code, 'client_stalled');
  const metrics = await proxy.metrics();
  assert.match(metrics, /sluice_client_aborts_total\{phase="stream"\} 1/);
  assert.ok(Number(/sluice_undelivered_bytes_total (\d+)/.exec(metrics)?.[1]) >= 16_384);
  client.resume();
  await client.closed;
  assert.ok(client.received.length < 500_000_000);
});

test('a client that reads slowly, but reads, is not cut off; nor is its upstream idle meanwhile', async () => {
  const upstream = await flood();
  const proxy = await startProxy({
    upstream: upstream.url,
    upstreamOptions: { timeouts: { idle: '150ms' } },
    extra: { server: { client_stall: '400ms' } },
  });
  const client = await connectRaw(proxy.url);
  await client.send(GET);
  await client.head();
  const started = performance.now();
  for (let taken = 0; performance.now() - started < 1500; ) {
    client.pause();
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.resume();
    // Enough that the kernel's buffers between the two move on.
    for (const goal = taken + 4_000_000; taken < goal; ) {
      const read = await client.chunk();
      assert.ok(read, 'the connection is still there');
      taken += read.length;
    }
  }
  assert.ok(!proxy.logs.some(({ msg }) => msg === 'exchange'));
  client.reset();
  assert.equal((await proxy.logged(({ msg }) => msg === 'exchange')).code, undefined);
});
