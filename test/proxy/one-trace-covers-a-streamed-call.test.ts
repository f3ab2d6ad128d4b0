import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { startProvider } from '../support/fake-provider.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { startProxy } from '../support/start-proxy.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

test('a server span and its child client span end with the stream; the upstream sees the client span', async (t) => {
  const collector = await startOtlpReceiver();
  t.after(() => collector.close());
  const last = Promise.withResolvers<void>();
  const provider = await startProvider({
    t,
    tokens: ['a', 'b', 'c'],
    gate: ({ index }) => (index === 3 ? last.promise : undefined),
  });
  const proxy = await startProxy(
    { upstream: provider.url, extra: { telemetry: { traces: { endpoint: collector.url, sample: 1 } } } },
    { t },
  );
  const client = new OpenAI({
    apiKey: 'none',
    baseURL: `${proxy.url}/openai/v1`,
    defaultHeaders: { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=1' },
  });
  const stream = await client.chat.completions.create({ model: 'gpt-4o', messages: [], stream: true });
  const released = Date.now();
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'a') setTimeout(last.resolve, 60);
  const spans = await collector.spans(2);
  const server = spans.find((span) => span.kind === 'server');
  const child = spans.find((span) => span.kind === 'client');
  assert.ok(server && child);
  assert.equal(server.name, 'POST /openai');
  assert.equal(server.traceId, TRACE);
  assert.equal(server.parentSpanId, PARENT);
  assert.equal(child.traceId, TRACE);
  assert.equal(child.parentSpanId, server.spanId);
  assert.deepEqual(provider.requests[0]?.headerLines('traceparent'), [`00-${TRACE}-${child.spanId}-01`]);
  assert.deepEqual(provider.requests[0]?.headerLines('tracestate'), ['vendor=1']);
  for (const span of [server, child]) {
    assert.ok(span.endMs >= released + 50, `${span.name} ended with the stream`);
    assert.equal(span.attributes['http.response.status_code'], 200);
    assert.notEqual(span.status, 'error');
  }
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(line.trace_id, TRACE);
});

test('without an endpoint the trace context passes as it came', async (t) => {
  const provider = await startProvider({ t });
  const proxy = await startProxy({ upstream: provider.url }, { t });
  await fetch(`${proxy.url}/openai/v1/models`, { headers: { traceparent: `00-${TRACE}-${PARENT}-01` } });
  assert.deepEqual(provider.requests[0]?.headerLines('traceparent'), [`00-${TRACE}-${PARENT}-01`]);
});
