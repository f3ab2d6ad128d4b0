import assert from 'node:assert/strict';
import dns from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const GET = 'GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n';

/** Accepts and says nothing: a TLS handshake or a CONNECT that never ends. */
async function silentServer(t: TestContext) {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
    accepted.resolve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, accepted: accepted.promise };
}

test('a client that leaves while its connection is being opened closes it (TLS, tunnel)', async (t) => {
  for (const through of ['tls', 'tunnel']) {
    const { port, accepted } = await silentServer(t);
    const options =
      through === 'tls'
        ? { upstream: `https://127.0.0.1:${port}` }
        : { upstream: 'http://127.0.0.1:9', upstreamOptions: { egress_proxy: `http://127.0.0.1:${port}` } };
    const proxy = await startProxy(options, { t });
    const client = await connectRaw(proxy.url);
    await client.send(GET);
    const socket = await accepted;
    const closed = once(socket, 'close');
    client.destroy();
    await closed;
    const line = await proxy.logged(({ msg }) => msg === 'exchange');
    assert.equal(line.outcome, 'client_abort');
    assert.match(await proxy.metrics(), /sluice_client_aborts_total\{phase="connect"\} 1/);
  }
});

test('the connect timeout closes a tunnel that is not answered', async (t) => {
  const { port, accepted } = await silentServer(t);
  const proxy = await startProxy(
    {
      upstream: 'http://127.0.0.1:9',
      upstreamOptions: { egress_proxy: `http://127.0.0.1:${port}`, timeouts: { connect: '100ms' } },
    },
    { t },
  );
  const answer = fetch(`${proxy.url}/openai/x`);
  const socket = await accepted;
  await once(socket, 'close');
  assert.equal((await answer).status, 504);
});

test('a connection that others wait for too is not given up with the one that left', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  const proxy = await startProxy({ upstream: upstream.url, upstreamOptions: { pool: { connections: 1 } } }, { t });
  const leaving = await connectRaw(proxy.url);
  const staying = await connectRaw(proxy.url);
  await Promise.all([leaving.send(GET), staying.send(GET)]);
  leaving.destroy();
  assert.equal((await staying.response()).status, 200);
});

test('a changed DNS answer is picked up once pool.max_age has passed, without a failed request', async (t) => {
  const first = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  // The same port on another address of the loopback network.
  const second = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(OK));
  });
  second.listen(first.port, '127.0.0.2');
  await once(second, 'listening');
  let reached = 0;
  second.on('connection', (socket) => {
    reached++;
    t.after(() => socket.destroy());
  });
  t.after(() => second.close());
  let address = '127.0.0.1';
  // Node's net resolves names through this very function.
  const lookup = ((_name: string, options: { all?: boolean }, callback: (...result: unknown[]) => void) => {
    if (options.all === true) callback(null, [{ address, family: 4 }]);
    else callback(null, address, 4);
  }) as typeof dns.lookup;
  t.mock.method(dns, 'lookup', lookup);
  const proxy = await startProxy(
    { upstream: `http://provider.test:${first.port}`, upstreamOptions: { pool: { max_age: '300ms' } } },
    { t },
  );
  const ask = async () => assert.equal((await fetch(`${proxy.url}/openai/x`)).status, 200);
  await ask();
  address = '127.0.0.2';
  await ask();
  assert.equal(first.connections, 1, 'a young connection is used again');
  const deadline = performance.now() + 5000;
  while (reached === 0 && performance.now() < deadline) await ask();
  assert.ok(reached > 0, 'the new address is asked');
  assert.equal(first.connections, 1);
});
