import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const GET = 'GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n';
const SHAKE =
  'GET /openai/v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

test('a reason phrase that cannot be written is left out', async (t) => {
  const upstream = await startRawUpstream(
    (exchange) => void exchange.write('HTTP/1.1 200 OK\xe9\r\ncontent-length: 2\r\n\r\nok'),
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  await client.send(GET);
  const response = await client.response();
  assert.equal(response.status, 200);
  assert.equal(response.body.toString(), 'ok');
});

test('a Transfer-Encoding that nobody here undoes is a 502: without its name its bytes mean nothing', async (t) => {
  for (const coding of ['gzip', 'gzip, chunked', 'chunked, chunked']) {
    const head = `HTTP/1.1 200 OK\r\ntransfer-encoding: ${coding}\r\n\r\n`;
    const upstream = await startRawUpstream((exchange) => void exchange.write(`${head}2\r\nok\r\n0\r\n\r\n`), { t });
    const proxy = await startProxy({ upstream: upstream.url }, { t });
    const client = await connectRaw(proxy.url);
    await client.send(GET);
    assert.equal((await client.response()).status, 502, coding);
  }
});

test('100 among other informational responses costs nothing', async (t) => {
  const interim =
    'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
  const upstream = await startRawUpstream(
    async (exchange) => {
      for (const byte of `${interim}HTTP/1.1 100 Continue\r\n\r\n`) await exchange.write(byte);
      await exchange.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    },
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  await client.send(GET);
  assert.equal((await client.response()).status, 200);
  assert.match(client.received.toString(), /103 Early Hints[\s\S]*102 Processing/);
});

test('a flood of informational responses is not heaped up for a client that does not read', async (t) => {
  const hints = Buffer.from(`HTTP/1.1 103 Early Hints\r\nlink: </${'a'.repeat(1900)}>; rel=preload\r\n\r\n`.repeat(30));
  const flooded = Promise.withResolvers<void>();
  const upstream = await startRawUpstream(
    async (exchange) => {
      for (let i = 0; i < 1500; i++) await exchange.write(hints);
      await exchange.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      flooded.resolve();
    },
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  client.pause();
  await client.send(GET);
  await flooded.promise;
  await new Promise((resolve) => setTimeout(resolve, 500));
  client.resume();
  assert.equal((await client.response()).status, 200);
  // 86 MB were sent; what the kernel takes of it is some megabytes.
  assert.ok(client.received.length < 40_000_000, `${client.received.length} bytes of hints`);
});

test('an early hint of sixteen thousand lines holds nobody up', async (t) => {
  const hint = `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n${'a:\r\n'.repeat(16_000)}\r\n`;
  const upstream = await startRawUpstream(
    (exchange) => void exchange.write(`${hint}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`),
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  const from = performance.now();
  await client.send(GET);
  assert.equal((await client.response()).status, 200);
  assert.match(client.received.toString(), /103 Early Hints/);
  // Some 20 ms; looked for one by one the lines took 8 s, in which nothing else went on.
  assert.ok(performance.now() - from < 2_000, `${performance.now() - from} ms`);
});

test('an early hint announces no body', async (t) => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-length: 50\r\n\r\n';
  const upstream = await startRawUpstream(
    (exchange) => void exchange.write(`${hint}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`),
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  await client.send(GET);
  assert.equal((await client.head()).get('content-length'), undefined);
  assert.equal((await client.response()).body.toString(), 'ok');
});

test('a handshake that is answered with a status that is none is a 502', async (t) => {
  for (const status of ['000', '099']) {
    const upstream = await startRawUpstream(
      (exchange) => void exchange.write(`HTTP/1.1 ${status} No\r\ncontent-length: 2\r\n\r\nok`),
      { t },
    );
    const proxy = await startProxy({ upstream: upstream.url }, { t });
    const client = await connectRaw(proxy.url, { t });
    await client.send(SHAKE);
    assert.equal((await client.response()).status, 502, status);
    assert.equal((await proxy.logged(({ msg }) => msg === 'exchange')).code, 'upstream_protocol');
  }
});

test('a handshake that is answered with a 204 announces no content', async (t) => {
  const upstream = await startRawUpstream(
    (exchange) => void exchange.write('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n'),
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url, { t });
  await client.send(SHAKE);
  const head = await client.head();
  assert.match(head.startLine, / 204 /);
  assert.equal(head.get('content-length'), undefined);
});

for (const timeout of ['idle', 'total'] as const) {
  test(`a refused handshake whose answer does not end is bounded (${timeout})`, async (t) => {
    const upstream = await startRawUpstream(
      (exchange) => void exchange.write('HTTP/1.1 403 No\r\ncontent-length: 100\r\n\r\nabc'),
      { t },
    );
    const timeouts = { idle: 0, total: 0, [timeout]: '200ms' };
    const proxy = await startProxy({ upstream: upstream.url, upstreamOptions: { timeouts } }, { t });
    const client = await connectRaw(proxy.url);
    await client.send(SHAKE);
    assert.equal((await client.response()).complete, false);
    const line = await proxy.logged(({ msg }) => msg === 'exchange');
    assert.equal(line.outcome, 'upstream_abort');
    assert.equal(line.code, `upstream_${timeout}_timeout`);
    await upstream.exchanges[0]?.closed;
  });
}

test('a WebSocket client that does not read is a stalled client, not a silent upstream', async (t) => {
  const block = Buffer.alloc(64 * 1024);
  const upstream = await startRawUpstream(
    async (exchange) => {
      await exchange.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
      while (await exchange.write(block));
    },
    { t },
  );
  const proxy = await startProxy(
    {
      upstream: upstream.url,
      upstreamOptions: { timeouts: { idle: '100ms' } },
      extra: { server: { client_stall: '300ms' } },
    },
    { t },
  );
  const client = await connectRaw(proxy.url);
  client.pause();
  await client.send(SHAKE);
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(`${line.outcome} ${line.code}`, 'client_abort client_stalled');
});
