import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { WebSocket, WebSocketServer } from 'ws';
import type { Dialect } from '../../src/policy.ts';
import { startProvider } from '../support/fake-provider.ts';
import { attemptSpans, serverSpan, startTraced } from '../support/traced-proxy.ts';

const usage = {
  prompt_tokens: 20,
  completion_tokens: 7,
  total_tokens: 27,
  prompt_tokens_details: { cached_tokens: 12 },
  completion_tokens_details: { reasoning_tokens: 3 },
};
const whole = {
  id: 'chatcmpl-77',
  model: 'gpt-4o-2024-11-20',
  choices: [{ index: 0, finish_reason: 'length', message: { role: 'assistant', content: 'said to nobody else' } }],
  usage,
};

async function ask(t: TestContext, url: string, body: object, path = '/openai/v1/chat/completions') {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer mine', 'anthropic-version': '2023-06-01' },
    body: JSON.stringify(body),
    signal: t.signal,
  });
  await answer.text();
}

test('a whole answer is told by the names of the GenAI conventions', async (t) => {
  const provider = await startProvider({ t, override: () => ({ status: 200, body: whole }) });
  const { proxy, finish } = await startTraced(t, { upstream: provider.url }, { sample: 1 });
  await ask(t, proxy.url, {
    model: 'gpt-4o',
    max_tokens: 64,
    messages: [{ role: 'user', content: 'asked in private' }],
  });
  const spans = await finish();
  const [span, ...others] = attemptSpans(spans);
  assert.deepEqual(others, []);
  assert.equal(span?.name, 'chat gpt-4o');
  assert.equal(span?.kind, 'client');
  assert.equal(span?.status, 'unset');
  const { attributes } = span;
  assert.ok(Number(attributes['sluice.connection.wait_ms']) >= Number(attributes['sluice.connection.tcp_ms']));
  delete attributes['sluice.connection.wait_ms'];
  delete attributes['sluice.connection.tcp_ms'];
  assert.deepEqual(attributes, {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.request.max_tokens': 64,
    'gen_ai.request.stream': false,
    'gen_ai.response.id': 'chatcmpl-77',
    'gen_ai.response.model': 'gpt-4o-2024-11-20',
    'gen_ai.response.finish_reasons': ['length'],
    'gen_ai.usage.input_tokens': 20,
    'gen_ai.usage.output_tokens': 7,
    'gen_ai.usage.cache_read.input_tokens': 12,
    'gen_ai.usage.reasoning.output_tokens': 3,
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'server.address': '127.0.0.1',
    'server.port': provider.port,
    'sluice.attempt': 1,
    'sluice.upstream': 'openai',
  });
  for (const text of ['in private', 'nobody else', 'mine']) assert.ok(!JSON.stringify(spans).includes(text), text);
});

test('the usage of an encoded answer, known later, is told in spans that end when the exchange did', async (t) => {
  const body = gzipSync(JSON.stringify(whole));
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  const provider = await startProvider({ t, override: () => ({ status: 200, headers, body }) });
  const { proxy, finish } = await startTraced(t, { upstream: provider.url }, { sample: 1 });
  await ask(t, proxy.url, { model: 'gpt-4o' });
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  const spans = await finish();
  const server = serverSpan(spans);
  const [attempt] = attemptSpans(spans);
  assert.equal(attempt?.attributes['gen_ai.usage.output_tokens'], 7);
  assert.ok(server && attempt && attempt.endMs <= server.endMs);
  assert.ok(Math.abs(server.endMs - server.startMs - Number(line.duration_ms)) < 0.11, 'as long as the exchange');
});

const paths: readonly (readonly [Dialect, string, object, string, string])[] = [
  [
    'anthropic',
    '/v1/messages',
    { model: 'claude-x', max_tokens: 9, messages: [], stream: true },
    'chat claude-x',
    'anthropic',
  ],
  ['gemini', '/v1beta/models/gemini-9:streamGenerateContent?alt=sse', {}, 'generate_content gemini-9', 'gcp.gemini'],
  ['ollama', '/api/chat', { model: 'llama3', messages: [] }, 'chat llama3', 'ollama'],
];
for (const [dialect, path, body, name, provider] of paths) {
  test(`a streamed call of ${dialect} is named ${name}, with the time to its first token`, async (t) => {
    const keys = ['k'];
    const upstream = await startProvider({ t, tokens: ['a', 'b'], usage: { output: 5 }, keys });
    const policies = [{ policy: 'key-injection', with: { keys: [{ env: 'K' }] } }];
    const config = { upstream: upstream.url, dialect, ...(dialect === 'ollama' ? {} : { policies }) };
    const { proxy, finish } = await startTraced(t, config, { sample: 1 }, { env: { K: 'k' } });
    await ask(t, proxy.url, body, `/${dialect}${path}`);
    const [span] = attemptSpans(await finish());
    assert.equal(span?.name, name);
    assert.equal(span?.status, 'unset');
    assert.equal(span?.attributes['gen_ai.provider.name'], provider);
    assert.equal(span?.attributes['gen_ai.request.stream'], true);
    assert.equal(span?.attributes['gen_ai.usage.output_tokens'], 5);
    assert.equal(span?.attributes['sluice.usage.estimated'], undefined);
    const first = span?.events.find((event) => event.name === 'first_token');
    const told = Number(span?.attributes['gen_ai.response.time_to_first_chunk']) * 1000;
    assert.ok(first !== undefined && Math.abs(first.atMs - span.startMs - told) < 0.01, 'in seconds');
  });
}

test('a call without a model, or with a long or key-like one, has a name of bounded length', async (t) => {
  const provider = await startProvider({ t });
  const { proxy, finish } = await startTraced(t, { upstream: provider.url }, { sample: 1 });
  await ask(t, proxy.url, { messages: [] });
  await ask(t, proxy.url, { model: 'm'.repeat(5000) });
  await ask(t, proxy.url, { model: 'sk-proj-abcdefghijklmnop1234' });
  await ask(t, proxy.url, {}, '/openai/v1/files');
  const names = attemptSpans(await finish()).map((span) => span.name);
  assert.deepEqual(names, ['chat', `chat ${'m'.repeat(128)}…`, 'chat [redacted]', 'POST']);
});

test('with usage: off nothing of the bodies is told', async (t) => {
  const provider = await startProvider({ t });
  const { collector, proxy } = await startTraced(t, { upstream: provider.url }, { sample: 1 });
  await ask(t, proxy.url, { model: 'gpt-4o' });
  assert.equal(attemptSpans(await collector.spans(2))[0]?.name, 'chat gpt-4o');
  const telemetry = { usage: 'off', traces: { endpoint: collector.url, sample: 1 } };
  const extra = { listen: '127.0.0.1:0', telemetry };
  await proxy.reload({ upstream: provider.url, extra });
  await ask(t, proxy.url, { model: 'gpt-4o' });
  const [, off] = attemptSpans(await collector.spans(4));
  assert.equal(off?.name, 'POST');
  assert.deepEqual(
    Object.keys(off?.attributes ?? {}).filter((key) => key.startsWith('gen_ai')),
    ['gen_ai.provider.name'],
  );
});

test('a WebSocket is one server span and one client span, as long as it is open', async (t) => {
  const http = createServer().listen(0, '127.0.0.1');
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  await once(http, 'listening');
  t.after(() => http.close());
  const { port } = http.address() as AddressInfo;
  const { proxy, collector } = await startTraced(t, { upstream: `http://127.0.0.1:${port}` }, { sample: 1 });
  const socket = new WebSocket(`${proxy.url.replace('http', 'ws')}/openai/v1/realtime`);
  await once(socket, 'open');
  await wait(50);
  socket.close();
  const spans = await collector.spans(2);
  const server = serverSpan(spans);
  const [attempt] = attemptSpans(spans);
  assert.equal(server?.name, 'GET /openai');
  assert.equal(attempt?.name, 'GET');
  for (const span of [server, attempt]) {
    assert.equal(span?.attributes['http.response.status_code'], 101);
    assert.equal(span?.status, 'unset');
    assert.ok(span !== undefined && span.endMs - span.startMs >= 49);
  }
});
