import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import WebSocket, { WebSocketServer } from 'ws';
import { connectRaw } from '../support/raw-client.ts';
import { startProxy } from '../support/start-proxy.ts';

const REAL = 'the-real-key';

async function start(
  t: TestContext,
  options: { policies?: object[]; verify?: (req: IncomingMessage) => boolean } = {},
) {
  const requests: IncomingMessage[] = [];
  const http = createServer();
  const server = new WebSocketServer({
    server: http,
    verifyClient: ({ req }: { req: IncomingMessage }) => {
      requests.push(req);
      return options.verify?.(req) ?? true;
    },
  });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  const policies = [...(options.policies ?? []), { policy: 'key-injection', with: { keys: [{ env: 'REAL' }] } }];
  const proxy = await startProxy({ upstream: `http://127.0.0.1:${port}`, policies }, { t, env: { REAL } });
  const url = `${proxy.url.replace('http', 'ws')}/openai/v1/realtime?model=gpt-realtime&key=mine`;
  return { proxy, requests, server, url, http };
}

/** The status and body of a refused handshake. */
async function refusal(socket: WebSocket): Promise<{ status: number | undefined; body: string }> {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let body = '';
  for await (const part of response) body += String(part);
  return { status: response.statusCode, body };
}

test('messages pass both ways, with the real key, without the client credentials, and close codes arrive', async (t) => {
  const { proxy, requests, server, url } = await start(t);
  const socket = new WebSocket(url, ['realtime', 'openai-insecure-api-key.sk-mine'], {
    headers: { authorization: 'Bearer mine', cookie: 'a=1', 'x-request-id': 'ws-1' },
  });
  const [upgraded] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')]);
  assert.equal((upgraded as [IncomingMessage])[0].headers['x-sluice-request-id'], 'ws-1');
  assert.equal(socket.protocol, 'realtime');
  for (const text of ['hello', 'x'.repeat(100_000)]) {
    socket.send(text);
    const [echo] = (await once(socket, 'message')) as [Buffer];
    assert.equal(echo.toString(), text);
  }
  const [request] = requests;
  assert.equal(request?.url, '/v1/realtime?model=gpt-realtime');
  assert.equal(request?.headers.authorization, `Bearer ${REAL}`);
  assert.equal(request?.headers.cookie, undefined);
  assert.equal(request?.headers['sec-websocket-protocol'], 'realtime');
  for (const peer of server.clients) peer.close(4001, 'enough');
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  assert.equal(code, 4001);
  assert.equal(reason.toString(), 'enough');
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(line.status, 101);
  assert.equal(line.outcome, 'complete');
});

test('policies run first: a refusal is an HTTP answer that the client can read', async (t) => {
  const { requests, url } = await start(t, { policies: [{ policy: 'ip-access', with: { deny: ['127.0.0.0/8'] } }] });
  const { status, body } = await refusal(new WebSocket(url));
  assert.equal(status, 403);
  assert.match(body, /"code":"address_denied"/);
  assert.equal(requests.length, 0);
});

test('an upstream that refuses the handshake is passed on as it is', async (t) => {
  const { url, proxy } = await start(t, { verify: () => false });
  const { status, body } = await refusal(new WebSocket(url));
  assert.equal(status, 401);
  assert.match(body, /Unauthorized/);
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(line.status, 401);
});

test('an upstream that is not there is a 502', async (t) => {
  const { url, http } = await start(t);
  http.close();
  const { status, body } = await refusal(new WebSocket(url));
  assert.equal(status, 502);
  assert.match(body, /"code":"upstream_connect"/);
});

test('a client that vanishes closes the upstream, and an upstream that dies closes the client', async (t) => {
  const { url, server } = await start(t);
  const leaving = new WebSocket(url);
  await once(leaving, 'open');
  const [peer] = server.clients;
  assert.ok(peer);
  const gone = once(peer, 'close');
  leaving.terminate();
  await gone;

  const staying = new WebSocket(url);
  await once(staying, 'open');
  for (const one of server.clients) one.terminate();
  const [code] = (await once(staying, 'close')) as [number];
  assert.equal(code, 1006, 'no close frame: it does not look like a clean end');
});

test('an Upgrade that is no WebSocket is served as plain HTTP', async (t) => {
  const { proxy, http } = await start(t);
  http.on('request', (request, response) => response.end(`upgrade: ${request.headers.upgrade}`));
  const client = await connectRaw(proxy.url);
  await client.send(
    'GET /openai/x HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: a\r\n\r\n',
  );
  const response = await client.response();
  assert.equal(response.status, 200);
  assert.equal(response.body.toString(), 'upgrade: undefined');
});

test('behind an Upgrade that is not taken no part of another request is read as a request', async (t) => {
  const { proxy, http } = await start(t);
  const urls: (string | undefined)[] = [];
  http.on('request', (request, response) => {
    urls.push(request.url);
    response.end();
  });
  const client = await connectRaw(proxy.url);
  const upgrade = 'GET /openai/a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n';
  await client.send(`${upgrade}POST /openai/b HTTP/1.1\r\nhost: x\r\ncontent-length: 45\r\n\r\n`);
  assert.equal((await client.response()).head.get('connection'), 'close');
  await client.send('GET /openai/hidden HTTP/1.1\r\nhost: x\r\n\r\n').catch(() => undefined);
  await client.closed;
  assert.deepEqual(urls, ['/a']);
});

test('closing the app ends open sockets', async (t) => {
  const { url, proxy } = await start(t);
  const socket = new WebSocket(url);
  await once(socket, 'open');
  const closed = once(socket, 'close');
  await proxy.close();
  await closed;
});
