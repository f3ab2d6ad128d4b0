import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { type TestContext, test } from 'node:test';
import { forbiddenAddress } from '../../src/upstream/address-guard.ts';
import { startProvider } from '../support/fake-provider.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { selfSignedCertificate } from '../support/self-signed-certificate.ts';
import { yamlFile } from '../support/spawn-sluice.ts';
import { startProxy } from '../support/start-proxy.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

async function codeOf(url: string): Promise<string> {
  const answer = await fetch(url);
  const body = (await answer.json()) as { code: string };
  return `${answer.status} ${body.code}`;
}

async function silentServer(t: TestContext, host = '127.0.0.1'): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

test('addresses that are not on the public internet are told from those that are', () => {
  const forbidden = [
    '127.0.0.1',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '198.18.0.1',
    '192.0.2.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fc00::1',
    'ff02::1',
    '2001:db8::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '2002:7f00:1::',
    '[::1]',
    'fe80::1%eth0',
    'nonsense',
    '',
  ];
  for (const ip of forbidden) assert.ok(forbiddenAddress(ip), ip);
  for (const ip of ['1.1.1.1', '104.18.7.192', '2606:4700::6812:7c0', '64:ff9b::101:101']) {
    assert.equal(forbiddenAddress(ip), undefined, ip);
  }
});

test('a name that resolves to a forbidden address is a 502, and nothing is sent there', async (t) => {
  const { port, sockets } = await silentServer(t, '::');
  // `localhost` itself is an error of the configuration; other names of this machine are judged when connecting.
  const names = ['ip6-localhost', 'ip6-loopback', hostname()];
  const resolved = await Promise.all(names.map((name) => lookup(name).catch(() => undefined)));
  const alias = names.find((_, i) => forbiddenAddress(resolved[i]?.address ?? '1.1.1.1') !== undefined);
  assert.ok(alias, 'this machine has a name for itself in /etc/hosts');
  const proxy = await startProxy(
    { upstream: `http://${alias}:${port}`, upstreamOptions: { allow_private: false } },
    { t },
  );
  assert.equal(await codeOf(`${proxy.url}/openai/x`), '502 upstream_forbidden');
  assert.equal(sockets.length, 0);
});

test('each timeout has its code, and 0 switches it off', async (t) => {
  const { port } = await silentServer(t);
  const start = (url: string, timeouts: object) =>
    startProxy({ upstream: url, upstreamOptions: { timeouts } }, { t }).then((proxy) => `${proxy.url}/openai/x`);
  const plain = `http://127.0.0.1:${port}`;
  // A TLS handshake that nobody answers is part of connecting.
  assert.equal(
    await codeOf(await start(`https://127.0.0.1:${port}`, { connect: '100ms' })),
    '504 upstream_connect_timeout',
  );
  assert.equal(await codeOf(await start(plain, { first_byte: '100ms' })), '504 upstream_first_byte_timeout');
  assert.equal(await codeOf(await start(plain, { first_byte: 0, total: '150ms' })), '504 upstream_total_timeout');
});

test('TLS is verified: a private CA is trusted when it is given, and not otherwise', async (t) => {
  const certificate = selfSignedCertificate();
  const provider = await startProvider({ t, tls: certificate });
  const url = provider.url.replace('127.0.0.1', 'localhost');
  const strict = await startProxy({ upstream: url }, { t });
  assert.equal(await codeOf(`${strict.url}/openai/v1/models`), '502 upstream_tls');
  const ca = await yamlFile(certificate.cert, { t });
  const trusting = await startProxy({ upstream: url, upstreamOptions: { tls: { ca: { file: ca } } } }, { t });
  assert.equal((await fetch(`${trusting.url}/openai/v1/models`)).status, 200);
});

test('twenty calls in a row use one connection; more than pool and queue hold are refused at once', async (t) => {
  const upstream = await startRawUpstream((exchange) => void (exchange.url === '/slow' || exchange.write(OK)), { t });
  const proxy = await startProxy(
    { upstream: upstream.url, upstreamOptions: { pool: { connections: 1, queue: 1 } } },
    { t },
  );
  for (let i = 0; i < 20; i++) assert.equal((await fetch(`${proxy.url}/openai/x`)).status, 200);
  assert.equal(upstream.connections, 1);
  const leaving = new AbortController();
  const held = [1, 2].map(() => fetch(`${proxy.url}/openai/slow`, { signal: leaving.signal }).catch(() => 'left'));
  while (upstream.exchanges.length < 21) await upstream.nextExchange();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await codeOf(`${proxy.url}/openai/x`), '503 upstream_busy');
  leaving.abort();
  assert.deepEqual(await Promise.all(held), ['left', 'left']);
  assert.equal((await fetch(`${proxy.url}/openai/x`)).status, 200, 'the pool serves on');
});

test('egress_proxy reaches the upstream by CONNECT, and NO_PROXY exempts it', async (t) => {
  const asked: string[] = [];
  const egress = createHttpServer();
  egress.on('connect', (request, socket: Socket) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization']}`);
    const [host = '', port] = (request.url ?? '').split(':');
    const through = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      through.pipe(socket).pipe(through);
    });
    for (const one of [socket, through]) one.on('error', () => {}).on('close', () => through.destroy());
  });
  egress.listen(0, '127.0.0.1');
  await once(egress, 'listening');
  t.after(() => egress.close());
  const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  const options = { egress_proxy: `http://user:pass@127.0.0.1:${(egress.address() as AddressInfo).port}` };
  const proxied = await startProxy({ upstream: upstream.url, upstreamOptions: options }, { t });
  assert.equal((await fetch(`${proxied.url}/openai/x`)).status, 200);
  const credentials = Buffer.from('user:pass').toString('base64');
  assert.deepEqual(asked, [`127.0.0.1:${upstream.port} Basic ${credentials}`]);
  const direct = await startProxy(
    { upstream: upstream.url, upstreamOptions: options },
    { t, env: { NO_PROXY: '127.0.0.1' } },
  );
  assert.equal((await fetch(`${direct.url}/openai/x`)).status, 200);
  assert.equal(asked.length, 1);
});
