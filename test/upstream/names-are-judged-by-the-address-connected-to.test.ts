import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Agent, request as undiciRequest } from 'undici';
import WebSocket from 'ws';
import { policies } from '../../policies/index.ts';
import { checkConfig } from '../../src/app.ts';
import { guardedConnector } from '../../src/upstream/connector.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { proxyYaml, startProxy } from '../support/start-proxy.ts';
import { type DnsAnswer, testResolver } from '../support/test-resolver.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const SPECIAL = [
  '127.0.0.1',
  '10.0.0.1',
  '169.254.169.254',
  '168.63.129.16',
  '100.64.0.1',
  '198.18.0.1',
  '203.0.113.1',
];
const SPECIAL6 = ['::1', '::ffff:127.0.0.1', 'fd00:ec2::254', '64:ff9b::7f00:1', '2002:7f00:1::', 'fe80::1', 'ff02::1'];

/** A server that must not be reached, and a proxy to a name with its port. */
async function start(t: TestContext, answer: (name: string) => DnsAnswer, options: object = {}) {
  const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  const resolver = testResolver(t, answer);
  const url = `http://provider.test:${upstream.port}`;
  const upstreamOptions = { allow_private: false, ...options };
  const proxy = await startProxy({ upstream: url, upstreamOptions }, { t });
  return { upstream, resolver, proxy, yaml: proxyYaml({ upstream: url, upstreamOptions }) };
}

async function codeOf(url: string): Promise<string> {
  const answer = await fetch(url);
  const text = await answer.text();
  return answer.status === 200 ? `200 ${text}` : `${answer.status} ${JSON.parse(text).code}`;
}

async function handshakeOf(url: string): Promise<string> {
  const socket = new WebSocket(url.replace('http', 'ws'));
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let body = '';
  for await (const part of response) body += String(part);
  return `${response.statusCode} ${JSON.parse(body).code}`;
}

test('a name that resolves to an address that is not public is a 502, for HTTP and WebSockets, and nothing is sent', async (t) => {
  let address = '';
  const { proxy, upstream, resolver } = await start(t, () => [address]);
  for (address of [...SPECIAL, ...SPECIAL6]) {
    assert.equal(await codeOf(`${proxy.url}/openai/x`), '502 upstream_forbidden', address);
    assert.equal(await handshakeOf(`${proxy.url}/openai/x`), '502 upstream_forbidden', address);
  }
  assert.equal(resolver.asked.length, 2 * (SPECIAL.length + SPECIAL6.length), 'one lookup a connection');
  assert.equal(upstream.connections, 0);
});

test('the answer names no address', async (t) => {
  const { proxy } = await start(t, () => ['10.11.12.13']);
  const answer = await fetch(`${proxy.url}/openai/x`);
  const text = await answer.text();
  assert.match(text, /not public \(private\)/);
  assert.doesNotMatch(text, /10\.11\.12\.13|provider\.test/);
});

test('of several addresses one that is not public is enough: none is connected to', async (t) => {
  const tried: unknown[] = [];
  const { emit } = Socket.prototype;
  t.mock.method(Socket.prototype, 'emit', function (this: Socket, event: string, ...rest: unknown[]) {
    if (event === 'connectionAttempt') tried.push(rest[1]);
    return Reflect.apply(emit, this, [event, ...rest]);
  });
  let answer: string[] = [];
  const { proxy, upstream } = await start(t, () => answer);
  for (answer of [
    ['1.1.1.1', '127.0.0.1'],
    ['127.0.0.1', '1.1.1.1'],
    ['2606:4700::1', '1.1.1.1', '127.0.0.1'],
    ['2606:4700::1', '::1'],
  ]) {
    assert.equal(await codeOf(`${proxy.url}/openai/x`), '502 upstream_forbidden', answer.join());
  }
  assert.ok(tried.includes(Number(new URL(proxy.url).port)), 'attempts are seen');
  assert.ok(!tried.includes(upstream.port), 'the public ones are not tried either');
});

test('a resolver that answers the check with a public address and the connection with another gains nothing', async (t) => {
  let lookups = 0;
  const { proxy, upstream, yaml } = await start(t, () => (lookups++ % 2 === 0 ? ['1.1.1.1'] : ['127.0.0.1']));
  for (let i = 0; i < 3; i++) {
    const { warnings } = await checkConfig({ yaml, policies, env: {}, resolve: true });
    assert.deepEqual(warnings, [], 'the check was given the public one');
    assert.equal(await codeOf(`${proxy.url}/openai/x`), '502 upstream_forbidden');
  }
  assert.equal(upstream.connections, 0);
});

test('allow_private reaches it', async (t) => {
  const { proxy } = await start(t, () => ['127.0.0.1'], { allow_private: true });
  assert.equal(await codeOf(`${proxy.url}/openai/x`), '200 ok');
});

test('a resolver that never answers delays neither readiness nor other routes', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  const { asked } = testResolver(t, () => 'never');
  const yaml = [
    'listen: 127.0.0.1:0',
    'admin: 127.0.0.1:0',
    'upstreams:',
    '  named: { url: "http://provider.test", timeouts: { connect: 100ms } }',
    `  literal: { url: "${upstream.url}", allow_private: true }`,
    'routes: [{ path: /named, upstream: named }, { path: /literal, upstream: literal }]',
    'redis: { url: "redis://redis.test:6379" }',
    'telemetry: { traces: { endpoint: "http://collector.test:4318" } }',
  ].join('\n');
  // Whatever waited for the resolver would wait for ever.
  const proxy = await startProxy(yaml, { t });
  assert.equal((await fetch(`${proxy.adminUrl}/readyz`)).status, 200);
  assert.ok(!asked.includes('provider.test'), 'nobody asks before there is a request');
  assert.equal(await codeOf(`${proxy.url}/named/x`), '504 upstream_connect_timeout');
  assert.equal(await codeOf(`${proxy.url}/literal/x`), '200 ok');
  assert.equal((await fetch(`${proxy.adminUrl}/readyz`)).status, 200);
});

test('an egress proxy, at whatever address, resolves names itself', async (t) => {
  const asked: string[] = [];
  const egress = createHttpServer();
  egress.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(request.url ?? '');
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  egress.listen(0, '127.0.0.1');
  await once(egress, 'listening');
  t.after(() => egress.close());
  const egress_proxy = `http://127.0.0.1:${(egress.address() as AddressInfo).port}`;
  const { proxy, resolver, upstream, yaml } = await start(t, () => ['127.0.0.1'], { egress_proxy });
  assert.equal(await codeOf(`${proxy.url}/openai/x`), '502 upstream_connect');
  assert.deepEqual(asked, [`provider.test:${upstream.port}`]);
  assert.deepEqual((await checkConfig({ yaml, policies, env: {}, resolve: true })).warnings, []);
  assert.deepEqual(resolver.asked, []);
  const literal = proxyYaml({ upstream: 'http://10.0.0.1', upstreamOptions: { allow_private: false, egress_proxy } });
  await assert.rejects(startProxy(literal, { t }), /not public \(private\)/, 'a literal is judged all the same');
});

test('redirects are not followed: they reach the client as they are', async (t) => {
  const location = 'http://169.254.169.254/latest/meta-data?a=%2e#x';
  let status = 0;
  const upstream = await startRawUpstream(
    (exchange) =>
      void exchange.write(`HTTP/1.1 ${status} X\r\nlocation: ${location}\r\nrefresh: 0\r\ncontent-length: 2\r\n\r\ngo`),
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const statuses = [300, 301, 302, 303, 307, 308];
  for (status of statuses) {
    const answer = await fetch(`${proxy.url}/openai/x`, { redirect: 'manual', method: 'POST', body: 'b' });
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get('location'), location);
    assert.equal(await answer.text(), 'go');
  }
  assert.equal(upstream.exchanges.length, statuses.length, 'one request each');
});

test('whoever else connects by guardedConnector is guarded the same way', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  testResolver(t, () => ['127.0.0.1']);
  const ask = async (host: string, allowPrivate: boolean) => {
    const dispatcher = new Agent({ connect: guardedConnector({ allowPrivate }), allowH2: false });
    t.after(() => dispatcher.destroy());
    const { statusCode } = await undiciRequest(`http://${host}:${upstream.port}/`, { dispatcher });
    return statusCode;
  };
  for (const host of ['127.0.0.1', 'provider.test', 'localhost', '[::1]', 'metadata.google.internal']) {
    await assert.rejects(ask(host, false), { name: 'ConnectError', problem: 'upstream_forbidden' }, host);
  }
  assert.equal(upstream.connections, 0);
  assert.equal(await ask('provider.test', true), 200);
});
