/** A Sluice with every dialect behind it, and a load that goes through everything that it counts. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import Type from 'typebox';
import WebSocket, { WebSocketServer } from 'ws';
import { stringify } from 'yaml';
import { definePolicy } from '../../src/policy.ts';
import { startProvider } from '../support/fake-provider.ts';
import { connectRaw } from '../support/raw-client.ts';
import { testRedisUrl } from '../support/redis.ts';
import { type Proxy as Sluice, startProxy } from '../support/start-proxy.ts';

/** What a request asks of the dialect's chat endpoint. */
type Chat = (model: string | undefined, stream: boolean) => { path: string; body: object };

const openaiChat: Chat = (model, stream) => ({ path: '/v1/chat/completions', body: { model, stream, messages: [] } });

/** Route and upstream names, which are also dialects, with their chat endpoint. */
export const CHATS: Readonly<Record<string, Chat>> = {
  openai: openaiChat,
  openrouter: openaiChat,
  mistral: openaiChat,
  none: openaiChat,
  'azure-openai': (model, stream) => ({
    path: `/openai/deployments/${model ?? 'd'}/chat/completions`,
    body: { stream, messages: [] },
  }),
  anthropic: (model, stream) => ({ path: '/v1/messages', body: { model, stream, max_tokens: 9, messages: [] } }),
  gemini: (model, stream) => ({
    path: `/v1beta/models/${model ?? 'm'}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: { contents: [] },
  }),
  ollama: (model, stream) => ({ path: '/api/chat', body: { model, stream, messages: [] } }),
};

/** Keys and versions that the fake providers ask for. */
export const KEYS = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01', 'x-goog-api-key': 'k' };

/** A policy that denies or fails when it is told to. */
const moody = definePolicy({
  name: 'moody',
  summary: 'denies or fails',
  schema: Type.Object({}),
  setup: ({ problem }) => ({
    request(ctx) {
      if (ctx.in.headers.get('x-fail') !== undefined) throw new Error('made by the test');
      return ctx.in.headers.get('x-deny') === undefined ? undefined : problem('header_denied');
    },
  }),
});

/** What {@link startMixed} started. */
export interface Mixed {
  readonly proxy: Sluice;
  /** One request; resolves with its status once the answer is read, with 0 when there was none. */
  ask(method: string, path: string, headers?: Record<string, string>, body?: object): Promise<number>;
  /** Every dialect streamed and not, failures, denials, faults, aborts, cuts, WebSockets, raw nonsense, a reload. */
  everything(): Promise<void>;
}

/** Starts providers, Redis where it has to, and Sluice in front. */
export async function startMixed(t: TestContext): Promise<Mixed> {
  const hangs = new EventEmitter();
  const provider = await startProvider({
    t,
    handle: ({ url }, message, response) => {
      if (url.startsWith('/hang')) return hangs.emit('hanging') || true;
      if (!url.startsWith('/cut')) return false;
      message.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"index":0,"delta":{"content":"half', () => response.destroy());
      return true;
    },
  });
  const sockets = await startSockets(t);
  const yaml = yamlOf(provider.url, sockets, await testRedisUrl(t));
  const proxy = await startProxy(yaml, { t, policies: [moody], env: { MIXED_KEY: 'k' } });
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  t.after(() => agent.destroy());

  const ask: Mixed['ask'] = (method, path, headers = {}, body) =>
    new Promise((resolve) => {
      const sent = httpRequest(`${proxy.url}${path}`, { method, agent, headers: { ...KEYS, ...headers } });
      sent.on('error', () => resolve(0));
      sent.on('response', (response) => {
        response.on('error', () => resolve(0));
        response.on('end', () => resolve(response.statusCode ?? 0));
        response.resume();
      });
      if (body === undefined) sent.end();
      else sent.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });

  const everything = async () => {
    for (const [name, chat] of Object.entries(CHATS)) {
      for (const model of ['gpt-4o', 'claude-x', 'unheard-of', undefined]) {
        for (const stream of [true, false]) {
          const { path, body } = chat(model, stream);
          assert.equal(await ask('POST', `/${name}${path}`, {}, body), 200, `${name} ${model} ${stream}`);
        }
      }
      assert.equal(await ask('POST', `/${name}/cut/v1/chat/completions`, {}, { stream: true }), 0);
      for (const status of [429, 500]) {
        provider.overrideNext({ status });
        assert.equal(await ask('GET', `/${name}/v1/models`), status);
      }
    }
    assert.equal(await ask('GET', '/openai/echo', { 'x-deny': '1' }), 403);
    assert.equal(await ask('GET', '/openai/echo', { 'x-fail': '1' }), 500);
    assert.equal(await ask('GET', '/dead/x'), 502);
    assert.equal(await ask('GET', '/nowhere'), 404);
    assert.equal(await ask('GET', '/slow/hang'), 504);
    await leave(`${proxy.url}/openai/hang`, once(hangs, 'hanging'), async () => {
      assert.equal(await ask('GET', '/openai/echo', { 'x-queue': '1' }), 503, 'it waits in vain');
    });
    await talk(proxy.url);
    await nonsense(proxy.url);
    await proxy.reload(yaml);
    await assert.rejects(proxy.reload('routes: ['));
  };
  return { proxy, ask, everything };
}

function yamlOf(provider: string, sockets: string, redis: string): string {
  const dialects = Object.keys(CHATS);
  const upstream = (url: string, more = {}) => ({ url, allow_private: true, ...more });
  return stringify({
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    redis: { url: redis },
    upstreams: {
      ...Object.fromEntries(dialects.map((dialect) => [dialect, upstream(provider, { dialect })])),
      dead: upstream('http://127.0.0.1:1'),
      slow: upstream(provider, { timeouts: { first_byte: '20ms' } }),
      sockets: upstream(sockets),
    },
    routes: [...dialects, 'dead', 'slow', 'sockets'].map((name) => ({
      path: `/${name}`,
      upstream: name,
      credentials: 'pass',
    })),
    policies: [
      { policy: 'moody' },
      {
        policy: 'key-injection',
        when: { upstream: 'openai' },
        with: { keys: [{ env: 'MIXED_KEY', name: 'main' }] },
      },
      {
        policy: 'request-rate',
        id: `mixed-${process.pid}-${Date.now()}`,
        with: { limit: 1_000_000, per: '1m', key: 'header:x-player-id' },
      },
      {
        policy: 'concurrency',
        id: `bulkhead-${process.pid}-${Date.now()}`,
        when: { header: { 'x-queue': '*' } },
        with: { limit: 1, key: 'global', queue: { size: 1, timeout: '20ms' } },
      },
    ],
    telemetry: { metrics: { models: ['gpt-4o', 'gpt-*', 'claude-*'] } },
  });
}

/** A server of WebSockets that sends back what it gets. */
async function startSockets(t: TestContext): Promise<string> {
  const http = createServer((_request, response) => response.writeHead(418).end());
  const server = new WebSocketServer({
    server: http,
    verifyClient: ({ req }: { req: IncomingMessage }) => !req.url?.includes('refused'),
  });
  server.on('connection', (socket) => socket.on('error', () => {}).on('message', (data) => socket.send(data)));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    http.close();
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

/** A client that leaves once its request is at the provider and something has been done while it was there. */
async function leave(url: string, atProvider: Promise<unknown>, before: () => Promise<void>): Promise<void> {
  const sent = httpRequest(url, { method: 'POST', headers: { 'x-queue': '1' } });
  sent.on('error', () => {});
  sent.end('{}');
  await atProvider;
  await before();
  sent.destroy();
  await closed(sent);
}

async function talk(url: string): Promise<void> {
  const origin = url.replace('http', 'ws');
  const socket = new WebSocket(`${origin}/sockets/v1/realtime`);
  await once(socket, 'open');
  socket.send('hello');
  await once(socket, 'message');
  socket.close();
  await once(socket, 'close');
  for (const path of ['/sockets/refused', '/nowhere', '/dead/x']) {
    const refused = new WebSocket(`${origin}${path}`);
    refused.on('error', () => {});
    await closed(refused);
  }
}

/** Whatever its errors. */
function closed(one: NodeJS.EventEmitter): Promise<unknown> {
  return new Promise((resolve) => one.once('close', resolve));
}

/** What no HTTP client would send. */
async function nonsense(url: string): Promise<void> {
  for (const text of [
    'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
    'NONSENSE / HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /openai/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ]) {
    const client = await connectRaw(url);
    await client.send(text);
    await client.closed;
  }
}
