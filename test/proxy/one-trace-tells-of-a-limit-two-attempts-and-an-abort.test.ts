import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import Type from 'typebox';
import { definePolicy } from '../../src/policy.ts';
import { startProvider } from '../support/fake-provider.ts';
import { type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { testRedisUrl } from '../support/redis.ts';
import { spanTree } from '../support/span-tree.ts';
import { SseReader } from '../support/sse-reader.ts';
import { startProxy } from '../support/start-proxy.ts';

const retry = definePolicy({
  name: 'retry',
  summary: 'Tries once more after a 500.',
  schema: Type.Object({}, { additionalProperties: false }),
  setup: () => ({
    attempt: () => ({ end: (result) => (result.kind === 'response' && result.status === 500 ? 'retry' : undefined) }),
  }),
});

const secrets = {
  prompt: 'what-the-player-said',
  answer: 'what-the-model-said',
  player: 'player-0815',
  key: 'key-of-us',
};

for (const sample of [1, 0]) {
  test(`a streamed call with a limit on Redis, a retry and a client abort is one whole trace at sample: ${sample}`, async (t) => {
    const collector = await startOtlpReceiver();
    t.after(() => collector.close());
    const redis = await testRedisUrl(t);
    const forEver = Promise.withResolvers<void>();
    t.after(() => forEver.resolve());
    const provider = await startProvider({
      t,
      tokens: [secrets.answer, 'b', 'c', 'd'],
      gate: ({ index }) => (index === 3 ? forEver.promise : undefined),
    });
    provider.overrideNext({ status: 500 });
    const proxy = await startProxy(
      {
        upstream: provider.url,
        policies: [
          {
            policy: 'request-rate',
            id: `limit-${randomUUID().slice(0, 8)}`,
            with: { limit: 5, per: '1m', key: 'header:x-player-id' },
          },
          { policy: 'key-injection', with: { keys: [{ env: 'KEY' }] } },
          { policy: 'retry' },
        ],
        extra: { redis: { url: redis }, telemetry: { traces: { endpoint: collector.url, sample } } },
      },
      { t, policies: [retry], env: { KEY: secrets.key } },
    );

    const leaving = new AbortController();
    const answer = await fetch(`${proxy.url}/openai/v1/chat/completions?key=${secrets.key}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-player-id': secrets.player },
      body: JSON.stringify({
        model: 'gpt-4o',
        stream: true,
        max_tokens: 99,
        messages: [{ role: 'user', content: secrets.prompt }],
      }),
      signal: leaving.signal,
    });
    assert.ok(answer.body);
    for await (const { data } of new SseReader(answer.body)) if (data.includes('"b"')) break;
    leaving.abort();

    const spans = await collector.spans(4);
    t.diagnostic(`\n${spanTree(spans)}`);
    assert.equal(spans.length, 4);
    const server = one(spans, (span) => span.kind === 'server');
    const command = one(spans, ({ attributes }) => attributes['db.system.name'] === 'redis');
    const first = one(spans, ({ attributes }) => attributes['sluice.attempt'] === 1);
    const second = one(spans, ({ attributes }) => attributes['sluice.attempt'] === 2);

    assert.equal(server.name, 'POST /openai');
    assert.equal(server.parentSpanId, '');
    assert.equal(server.status, 'error');
    assert.equal(server.attributes['error.type'], 'client_abort');
    assert.equal(server.attributes['http.response.status_code'], 200);
    assert.equal(server.attributes['sluice.outcome'], 'client_abort');
    assert.equal(server.attributes['sluice.kept_for'], sample === 1 ? undefined : 'error');
    const judged = server.events.map(({ name, attributes }) => [name, attributes['sluice.policy.decision']]);
    assert.deepEqual(judged.length, 5, 'a limit, and two policies for each of two attempts');
    assert.ok(judged.every(([name, decision]) => name === 'sluice.policy' && decision === 'allow'));
    assert.ok(server.events.every(({ attributes }) => Number(attributes['sluice.policy.duration_ms']) >= 0));

    for (const child of [command, first, second]) {
      assert.equal(child.kind, 'client');
      assert.equal(child.traceId, server.traceId);
      assert.equal(child.parentSpanId, server.spanId);
      assert.ok(server.startMs <= child.startMs && child.endMs <= server.endMs + 1, `${child.name} lies within`);
    }

    assert.match(command.name, /^EVAL(SHA)?$/);
    assert.equal(command.status, 'unset');
    const { port, hostname } = new URL(redis);
    assert.deepEqual(command.attributes, {
      'db.system.name': 'redis',
      'db.operation.name': command.name,
      'db.namespace': '0',
      'server.address': hostname,
      'server.port': Number(port),
    });
    assert.ok(command.endMs <= first.startMs, 'the limit was judged before an attempt');

    for (const attempt of [first, second]) {
      const { attributes } = attempt;
      assert.equal(attempt.name, 'chat gpt-4o');
      assert.equal(attempt.status, 'error');
      assert.equal(attributes['http.request.method'], 'POST');
      assert.equal(attributes['server.address'], '127.0.0.1');
      assert.equal(attributes['gen_ai.operation.name'], 'chat');
      assert.equal(attributes['gen_ai.provider.name'], 'openai');
      assert.equal(attributes['gen_ai.request.model'], 'gpt-4o');
      assert.equal(attributes['gen_ai.request.max_tokens'], 99);
      assert.equal(attributes['gen_ai.request.stream'], true);
      assert.ok(Number(attributes['sluice.connection.wait_ms']) >= 0);
    }
    assert.equal(first.attributes['error.type'], '500');
    assert.equal(first.attributes['http.response.status_code'], 500);
    assert.equal(first.attributes['http.request.resend_count'], undefined);
    assert.ok(Number(first.attributes['sluice.connection.tcp_ms']) > 0, 'it opened the connection');
    assert.equal(first.attributes['gen_ai.response.id'], undefined);
    assert.equal(second.attributes['error.type'], 'client_abort');
    assert.equal(second.attributes['http.response.status_code'], 200);
    assert.equal(second.attributes['http.request.resend_count'], 1);
    assert.match(String(second.attributes['gen_ai.response.id']), /./);
    assert.equal(second.attributes['sluice.usage.estimated'], true);
    assert.ok(Number(second.attributes['gen_ai.usage.output_tokens']) > 0);
    assert.ok(Number(second.attributes['gen_ai.response.time_to_first_chunk']) > 0);
    assert.deepEqual(
      second.events.map(({ name }) => name),
      ['sent', 'first_byte', 'first_token'],
    );
    for (const [i, request] of provider.requests.entries()) {
      const flag = sample === 1 ? '01' : '00';
      const { traceId, spanId } = i === 0 ? first : second;
      assert.deepEqual(request.headerLines('traceparent'), [`00-${traceId}-${spanId}-${flag}`]);
    }

    const everything = JSON.stringify(spans);
    for (const [what, text] of Object.entries(secrets)) assert.ok(!everything.includes(text), `${what} is in a span`);
  });
}

function one(spans: readonly ReceivedSpan[], matches: (span: ReceivedSpan) => boolean): ReceivedSpan {
  const found = spans.filter(matches);
  assert.equal(found.length, 1);
  return found[0] as ReceivedSpan;
}
