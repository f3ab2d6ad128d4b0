import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
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

test('an upstream that sends nothing but framing is silent', async (t) => {
  const upstream = await startRawUpstream(
    async ({ write }) => {
      await write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n1;');
      // An extension of a chunk, byte by byte.
      for (let i = 0; i < 100 && (await write('a')); i++) await wait(50);
    },
    { t },
  );
  const timeouts = { idle: '250ms' };
  const proxy = await startProxy({ upstream: upstream.url, upstreamOptions: { timeouts } }, { t });
  const began = performance.now();
  await assert.rejects(fetch(`${proxy.url}/openai/x`).then((answer) => answer.text()));
  const took = performance.now() - began;
  assert.ok(took > 200 && took < 3000, `cut after ${took} ms`);
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(line.code, 'upstream_idle_timeout');
});
