import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const SHAKE = [
  'GET /openai/v1/realtime HTTP/1.1',
  'host: x',
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');
const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

async function start(t: TestContext, answer: string, upstreamOptions: object = {}) {
  const upstream = await startRawUpstream((exchange) => void (answer !== '' && exchange.write(answer)), { t });
  const proxy = await startProxy({ upstream: upstream.url, upstreamOptions }, { t });
  const client = await connectRaw(proxy.url);
  return { upstream, proxy, client };
}

/** A WebSocket that is open, and its upstream's side. */
async function open(t: TestContext, upstreamOptions: object = {}) {
  const running = await start(t, SWITCH, upstreamOptions);
  await running.client.send(SHAKE);
  assert.match((await running.client.head()).startLine, / 101 /);
  return { ...running, peer: await running.upstream.nextExchange() };
}

const ended = (proxy: Awaited<ReturnType<typeof startProxy>>) => proxy.logged(({ msg }) => msg === 'exchange');

test('what comes before the 101 is kept and sent on after it, first', async (t) => {
  const upstream = await startRawUpstream(() => {}, { t });
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  await client.send(`${SHAKE}early `);
  const peer = await upstream.nextExchange();
  await client.send('bird');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(!Buffer.concat(upstream.received[0] ?? []).includes('early'), 'nothing but the handshake before the 101');
  await peer.write(SWITCH);
  await client.head();
  await client.send('!');
  while (!Buffer.concat(upstream.received[0] ?? []).includes('early bird!')) await once(peer.socket, 'data');
  client.reset();
  await peer.closed;
});

for (const how of ['reset', 'end'] as const) {
  test(`a client that leaves (${how}) before the upstream has answered closes it at once`, async (t) => {
    const { upstream, proxy, client } = await start(t, '');
    await client.send(SHAKE);
    const peer = await upstream.nextExchange();
    const left = performance.now();
    client[how]();
    const { at } = await peer.closed;
    t.diagnostic(`${how}: closed after ${(at - left).toFixed(1)} ms`);
    assert.ok(at - left < 250);
    assert.equal((await ended(proxy)).outcome, 'client_abort');
  });
}

test('a client that leaves while the TLS handshake stalls closes that connection', async (t) => {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => {}).resume();
    accepted.resolve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const proxy = await startProxy({ upstream: `https://127.0.0.1:${(server.address() as AddressInfo).port}` }, { t });
  const client = await connectRaw(proxy.url);
  await client.send(SHAKE);
  const closed = once(await accepted.promise, 'close');
  client.destroy();
  await closed;
});

test('a handshake that could smuggle (a body, another method) is refused', async (t) => {
  const { upstream, proxy } = await start(t, SWITCH);
  const cases: [string, number][] = [
    [SHAKE.replace('host: x', 'host: x\r\ncontent-length: 30'), 400],
    [SHAKE.replace('host: x', 'host: x\r\ntransfer-encoding: chunked'), 400],
    [SHAKE.replace('GET', 'POST'), 405],
    [SHAKE.replace('host: x\r\n', ''), 400],
  ];
  for (const [request, status] of cases) {
    const client = await connectRaw(proxy.url);
    await client.send(`${request}GET /evil HTTP/1.1\r\nhost: x\r\n\r\n`);
    assert.equal((await client.response()).status, status);
  }
  assert.equal(upstream.connections, 0);
});

test('a silent WebSocket ends by the idle timeout, a lively one does not', async (t) => {
  const { client, peer, proxy } = await open(t, { timeouts: { idle: '200ms' } });
  for (let i = 0; i < 8; i++) {
    await (i % 2 === 0 ? client.send('ping') : peer.write('pong'));
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  assert.ok(!proxy.logs.some(({ msg }) => msg === 'exchange'));
  await Promise.all([client.closed, peer.closed]);
  assert.equal((await ended(proxy)).code, 'upstream_idle_timeout');
});

test('an upstream that resets is a truncation; one that closes is the end; each closes the client', async (t) => {
  for (const how of ['reset', 'end'] as const) {
    const { client, peer, proxy } = await open(t);
    peer[how]();
    await client.closed;
    client.destroy();
    assert.equal((await ended(proxy)).outcome, how === 'reset' ? 'upstream_abort' : 'complete');
    assert.equal((await proxy.metrics()).includes('sluice_stream_truncated_total{'), how === 'reset');
  }
});

test('a client that resets closes an upstream that reads nothing', async (t) => {
  const { client, peer } = await open(t);
  peer.socket.pause();
  const block = Buffer.alloc(64 * 1024);
  // Until nothing is taken any more: every buffer on the way is full.
  for (let i = 0; i < 400; i++) client.socket.write(block);
  await new Promise((resolve) => setTimeout(resolve, 200));
  client.reset();
  peer.socket.resume();
  await peer.closed;
});

test('both directions hold back a fast sender, and memory with it', async (t) => {
  const { client, peer } = await open(t);
  client.pause();
  const block = Buffer.alloc(1024 * 1024);
  let taken = 0;
  for (let i = 0; i < 200; i++) void peer.write(block).then(() => taken++);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.ok(taken < 60, `${taken} MiB were taken although nobody reads`);
  client.destroy();
  await peer.closed;
});

test('a drain lets a WebSocket go on until its deadline and then ends it', async (t) => {
  const { client, peer, proxy } = await open(t);
  const closing = proxy.app.close({ drainMs: 300 });
  await client.send('still here');
  await once(peer.socket, 'data');
  await peer.write('you too');
  assert.equal(String(await client.chunk()), 'you too');
  const started = performance.now();
  await closing;
  assert.ok(performance.now() - started > 150);
  await client.closed;
  assert.equal((await ended(proxy)).code, 'shutting_down');
});
