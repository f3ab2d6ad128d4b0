import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import Type from 'typebox';
import { definePolicy, type PolicyInstance } from '../../src/policy.ts';
import { startProvider } from '../support/fake-provider.ts';
import { type ClosedBy, connectRaw } from '../support/raw-client.ts';
import { type RawScript, startRawUpstream } from '../support/raw-upstream.ts';
import { attemptSpans, serverSpan, startTraced } from '../support/traced-proxy.ts';

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const EVENT = 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
const ERROR = 'data: {"error":{"message":"said the prompt","type":"server_error","code":429}}\n\n';
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const BODY = '{"model":"gpt-4o","stream":true}';

interface Case {
  readonly what: string;
  readonly script: RawScript;
  readonly server: Readonly<Record<string, unknown>>;
  readonly attempt: Readonly<Record<string, unknown>>;
}

/** Sends so much, then does something to the connection. */
const sends =
  (text: string, fault?: 'end' | 'reset'): RawScript =>
  async (exchange) => {
    if (text !== '') await exchange.write(text);
    // A reset overtakes what has not been read yet: let it arrive first.
    if (fault === 'reset') await wait(30);
    if (fault !== undefined) exchange[fault]();
  };

const cases: readonly Case[] = [
  {
    what: 'a 500 of the upstream',
    script: sends('HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n'),
    server: { 'error.type': '500', 'http.response.status_code': 500, 'sluice.outcome': 'complete' },
    attempt: { 'error.type': '500', 'http.response.status_code': 500 },
  },
  {
    what: 'a connection closed before the head',
    script: sends('', 'end'),
    server: { 'error.type': 'upstream_reset', 'http.response.status_code': 502, 'sluice.outcome': 'failed' },
    attempt: { 'error.type': 'upstream_reset', 'http.response.status_code': undefined },
  },
  {
    what: 'a first byte that does not come',
    script: () => {},
    server: { 'error.type': 'upstream_first_byte_timeout', 'http.response.status_code': 504 },
    attempt: { 'error.type': 'upstream_first_byte_timeout' },
  },
  {
    what: 'a stream cut after its head',
    script: sends(HEAD, 'reset'),
    server: {
      'error.type': 'upstream_reset',
      'sluice.outcome': 'upstream_abort',
      'sluice.truncated': 'event_boundary',
    },
    attempt: {
      'error.type': 'upstream_reset',
      'sluice.truncated': 'event_boundary',
      'http.response.status_code': undefined,
    },
  },
  {
    what: 'a stream cut within an event',
    script: sends(HEAD + chunk(`${EVENT}data: {`), 'reset'),
    server: { 'error.type': 'upstream_reset', 'sluice.truncated': 'body' },
    attempt: { 'error.type': 'upstream_reset', 'sluice.truncated': 'body', 'sluice.usage.estimated': true },
  },
  {
    what: 'a stream that stops',
    script: sends(HEAD + chunk(EVENT)),
    server: { 'error.type': 'upstream_idle_timeout', 'sluice.truncated': 'event_boundary' },
    attempt: { 'error.type': 'upstream_idle_timeout', 'sluice.truncated': 'event_boundary' },
  },
  {
    what: 'a stream that ends cleanly without its terminator',
    script: sends(`${HEAD}${chunk(EVENT)}0\r\n\r\n`),
    server: { 'error.type': 'unterminated', 'sluice.truncated': 'terminator', 'sluice.outcome': 'complete' },
    attempt: { 'error.type': 'unterminated', 'sluice.truncated': 'terminator', 'http.response.status_code': 200 },
  },
  {
    what: 'an error inside a stream',
    script: sends(`${HEAD}${chunk(EVENT + ERROR)}0\r\n\r\n`),
    server: { 'error.type': 'rate_limit', 'http.response.status_code': 200, 'sluice.truncated': undefined },
    attempt: { 'error.type': 'rate_limit', 'sluice.error.code': '429' },
  },
];

for (const { what, script, server, attempt } of cases) {
  test(`${what} is exported though nothing is sampled`, async (t) => {
    const upstream = await startRawUpstream(script, { t });
    const timeouts = { first_byte: '150ms', idle: '150ms' };
    const { proxy, collector } = await startTraced(t, { upstream: upstream.url, upstreamOptions: { timeouts } });
    await ask(proxy.url);
    const spans = await collector.spans(2);
    const [first, ...others] = attemptSpans(spans);
    assert.deepEqual(others, []);
    assert.deepEqual(picked(serverSpan(spans)?.attributes, server), server);
    assert.deepEqual(picked(first?.attributes, attempt), attempt);
    assert.equal(serverSpan(spans)?.attributes['sluice.kept_for'], 'error');
    assert.equal(serverSpan(spans)?.status, 'error');
    assert.equal(first?.status, 'error');
    assert.equal(first?.name, 'chat gpt-4o');
    assert.ok(!JSON.stringify(spans).includes('said the prompt'));
  });
}

async function ask(url: string): Promise<ClosedBy> {
  const client = await connectRaw(url);
  await client.send(
    `POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
  );
  return (await client.closed).by;
}

function picked(from: Readonly<Record<string, unknown>> | undefined, like: object): Record<string, unknown> {
  return Object.fromEntries(Object.keys(like).map((name) => [name, from?.[name]]));
}

test('what went well, or was refused with a 4xx, is not exported', async (t) => {
  const provider = await startProvider({ t });
  const { proxy, finish } = await startTraced(
    t,
    { upstream: provider.url, policies: [denies] },
    {},
    { policies: [own] },
  );
  for (const path of ['/openai/v1/models', '/nowhere', '/openai/deny', '/openai/v1/nothing']) {
    await (await fetch(proxy.url + path)).text();
  }
  assert.deepEqual(await finish(), []);
});

test('with keep_errors: false a failure that is not sampled is not exported', async (t) => {
  const provider = await startProvider({ t, override: () => ({ status: 500 }) });
  const { proxy, finish } = await startTraced(t, { upstream: provider.url }, { keep_errors: false });
  await (await fetch(`${proxy.url}/openai/v1/models`)).text();
  assert.deepEqual(await finish(), []);
});

test('a late first byte is slow, a long stream is not', async (t) => {
  const provider = await startProvider({
    t,
    tokens: ['a', 'b'],
    gate: ({ index }) => (index === 1 ? wait(800) : undefined),
    handle: ({ url }, _message, response) => {
      if (!url.includes('late')) return false;
      setTimeout(() => response.end('late'), 800);
      return true;
    },
  });
  const { proxy, collector, finish } = await startTraced(t, { upstream: provider.url }, { keep_slow: '500ms' });
  // The first request of a process waits for code to be compiled.
  await (await fetch(`${proxy.url}/openai/v1/models`)).text();
  const stream = await fetch(`${proxy.url}/openai/v1/chat/completions`, {
    method: 'POST',
    body: BODY,
    headers: JSON_TYPE,
  });
  await stream.text();
  await (await fetch(`${proxy.url}/openai/late`)).text();
  const spans = await collector.spans(2);
  assert.equal(serverSpan(spans)?.attributes['url.path'], '/openai/late');
  assert.equal(serverSpan(spans)?.attributes['sluice.kept_for'], 'slow');
  assert.equal(serverSpan(spans)?.status, 'unset');
  assert.equal((await finish()).length, 2, 'nothing of the stream');
});

const JSON_TYPE = { 'content-type': 'application/json' };
const denies = { policy: 'own', with: {} };
const own = policyOf({
  request: (ctx) => (ctx.out.path === '/deny' ? { kind: 'problem', code: 'address_denied' } : undefined),
});

function policyOf(instance: PolicyInstance) {
  const schema = Type.Object({}, { additionalProperties: false });
  return definePolicy({ name: 'own', summary: 'The test’s own.', schema, setup: () => instance });
}

async function exportedWith(t: TestContext, entry: object, instance: PolicyInstance, status = 200) {
  const provider = await startProvider({ t });
  if (status !== 200) provider.overrideNext({ status });
  const config = { upstream: provider.url, policies: [{ policy: 'own', ...entry }] };
  const { proxy, finish } = await startTraced(t, config, {}, { policies: [policyOf(instance)] });
  await (await fetch(`${proxy.url}/openai/v1/models`)).text();
  return finish();
}

test('a policy that failed is exported, also where its fault lets the request pass', async (t) => {
  const fails: PolicyInstance = {
    request() {
      throw new Error('broken');
    },
  };
  const spans = await exportedWith(t, { on_error: 'allow' }, fails);
  assert.equal(serverSpan(spans)?.attributes['http.response.status_code'], 200);
  assert.equal(serverSpan(spans)?.attributes['sluice.kept_for'], 'error');
  assert.equal(serverSpan(spans)?.events[0]?.attributes['sluice.policy.decision'], 'fault');
  const denied = await exportedWith(t, {}, fails);
  assert.equal(serverSpan(denied)?.attributes['error.type'], 'policy_fault');
  assert.equal(serverSpan(denied)?.status, 'error');
});

test('an attempt that failed is exported although another one answered', async (t) => {
  const again: PolicyInstance = {
    attempt: () => ({ end: (result) => (result.kind === 'response' && result.status === 503 ? 'retry' : undefined) }),
  };
  const spans = await exportedWith(t, {}, again, 503);
  assert.equal(serverSpan(spans)?.status, 'unset');
  assert.deepEqual(
    attemptSpans(spans).map(({ status, attributes }) => [status, attributes['error.type']]),
    [
      ['error', '503'],
      ['unset', undefined],
    ],
  );
});
