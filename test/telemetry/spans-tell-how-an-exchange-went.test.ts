import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createLog } from '../../src/telemetry/log.ts';
import { createTracing, type Tracing, type TracingOptions } from '../../src/telemetry/tracing.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

const POST = { method: 'POST', route: '/openai', path: '/openai/v1/chat/completions' } as const;
const ATTEMPT = {
  number: 1,
  upstream: 'openai',
  serverAddress: 'api.openai.com',
  serverPort: 443,
  method: 'POST',
  dialect: 'openai',
} as const;

async function setUp(
  t: TestContext,
  options: Partial<TracingOptions> = {},
): Promise<{ tracing: Tracing; receiver: OtlpReceiver }> {
  const receiver = await startOtlpReceiver();
  const log = createLog({ level: 'info', destination: { write() {} } });
  const tracing = await createTracing(
    { endpoint: receiver.url, sample: 1, version: '1.2.3', batchMs: 20, ...options },
    log,
  );
  assert.ok(tracing);
  t.after(async () => {
    await tracing.close();
    await receiver.close();
    await log.close();
  });
  return { tracing, receiver };
}

test('without an endpoint there is no tracing at all', async () => {
  const log = createLog({ level: 'info', destination: { write() {} } });
  assert.equal(await createTracing({ endpoint: '', sample: 1, version: '1' }, log), undefined);
});

test('an endpoint that is no http URL is refused with what would be right, not with its own text', async () => {
  const log = createLog({ level: 'info', destination: { write() {} } });
  for (const endpoint of ['jaeger:4317', 'grpc://user:hunter2@jaeger:4317', 'nonsense']) {
    await assert.rejects(createTracing({ endpoint, sample: 1, version: '1' }, log), (error: Error) => {
      assert.match(error.message, /http:\/\/jaeger:4318/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});

test('a server span with a child client span carries the attributes of the HTTP conventions', async (t) => {
  const { tracing, receiver } = await setUp(t);
  const before = Date.now();
  const exchange = tracing.startExchange({ ...POST, requestId: 'r-1', clientAddress: '10.0.0.9' });
  exchange.judged('ip-access', 'allow', 0.25, true);
  const attempt = exchange.startAttempt(ATTEMPT);
  attempt.firstByte();
  attempt.end({ status: 200 });
  exchange.end({ status: 200, outcome: 'complete', bytesIn: 10, bytesOut: 20 });

  const spans = await receiver.spans(2);
  const server = spans.find((span) => span.kind === 'server');
  const client = spans.find((span) => span.kind === 'client');
  assert.ok(server && client);

  assert.equal(server.name, 'POST /openai');
  assert.equal(server.parentSpanId, '');
  assert.equal(server.traceId, exchange.traceId);
  assert.equal(server.status, 'unset');
  assert.deepEqual(server.attributes, {
    'http.request.method': 'POST',
    'http.route': '/openai',
    'http.response.status_code': 200,
    'http.request.body.size': 10,
    'http.response.body.size': 20,
    'url.scheme': 'http',
    'url.path': '/openai/v1/chat/completions',
    'client.address': '10.0.0.9',
    'sluice.request_id': 'r-1',
    'sluice.outcome': 'complete',
  });
  assert.deepEqual(
    server.events.map(({ name, attributes }) => ({ name, attributes })),
    [
      {
        name: 'sluice.policy',
        attributes: {
          'sluice.policy.id': 'ip-access',
          'sluice.policy.decision': 'allow',
          'sluice.policy.mode': 'enforce',
          'sluice.policy.duration_ms': 0.25,
        },
      },
    ],
  );
  assert.equal(server.resource['service.name'], 'sluice');
  assert.equal(server.resource['service.version'], '1.2.3');
  assert.equal(server.resource['telemetry.sdk.language'], 'nodejs');

  assert.equal(client.name, 'POST');
  assert.equal(client.parentSpanId, server.spanId);
  assert.equal(client.traceId, server.traceId);
  assert.equal(
    attempt.traceparent,
    `00-${client.traceId}-${client.spanId}-01`,
    'what upstream sees is the client span',
  );
  assert.deepEqual(client.attributes, {
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'server.address': 'api.openai.com',
    'server.port': 443,
    'sluice.upstream': 'openai',
    'sluice.attempt': 1,
    'gen_ai.provider.name': 'openai',
  });
  assert.deepEqual(
    client.events.map((event) => event.name),
    ['first_byte'],
  );
  const [firstByte] = client.events;
  assert.ok(firstByte && client.startMs <= firstByte.atMs && firstByte.atMs <= client.endMs);
  assert.ok(server.startMs <= client.startMs && client.endMs <= server.endMs);
  assert.ok(server.startMs >= before - 5 && server.endMs <= Date.now() + 5, 'times are those of the wall clock');
});

test('the start time given is the start of the span', async (t) => {
  const { tracing, receiver } = await setUp(t);
  const exchange = tracing.startExchange({ ...POST, startTime: performance.now() - 1500 });
  exchange.end({ status: 200, outcome: 'complete' });
  const [span] = await receiver.spans(1);
  assert.ok(span && span.endMs - span.startMs >= 1499 && span.endMs - span.startMs < 2500);
});

test("a client's sampled trace is continued and its tracestate passed on as it came", async (t) => {
  const { tracing, receiver } = await setUp(t, { sample: 0 });
  const tracestate = 'rojo=00f067aa0ba902b7,  congo=t61rcWkgMzE,,x@y=1';
  const exchange = tracing.startExchange({ ...POST, traceparent: `00-${TRACE}-${SPAN}-01`, tracestate });
  assert.equal(exchange.traceId, TRACE);
  assert.equal(exchange.sampled, true);
  const attempt = exchange.startAttempt(ATTEMPT);
  assert.equal(attempt.tracestate, tracestate);
  attempt.end({ status: 200 });
  exchange.end({ status: 200, outcome: 'complete' });
  const spans = await receiver.spans(2);
  const server = spans.find((span) => span.kind === 'server');
  assert.equal(server?.parentSpanId, SPAN);
  assert.equal(server?.traceState, tracestate);
});

test('an invalid traceparent begins a new trace, and its tracestate goes no further', async (t) => {
  const { tracing } = await setUp(t);
  const traceparent = `00-${TRACE.toUpperCase()}-${SPAN}-01`;
  const exchange = tracing.startExchange({ ...POST, traceparent, tracestate: 'a=b' });
  assert.notEqual(exchange.traceId.toLowerCase(), TRACE);
  assert.equal(exchange.startAttempt(ATTEMPT).tracestate, undefined);
});

test('an unsampled exchange propagates a valid traceparent with flag 00, and with nothing to be kept exports nothing', async (t) => {
  const { tracing, receiver } = await setUp(t, { keepErrors: false, keepSlowMs: 0 });
  const unsampled = tracing.startExchange({ ...POST, traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: 'a=b' });
  assert.equal(unsampled.sampled, false);
  assert.equal(unsampled.recording, false);
  unsampled.judged('p', 'fault', 1, true);
  const attempt = unsampled.startAttempt(ATTEMPT);
  assert.match(attempt.traceparent, new RegExp(`^00-${TRACE}-(?!${SPAN})[0-9a-f]{16}-00$`));
  assert.equal(attempt.tracestate, 'a=b');
  attempt.end({ errorType: 'upstream_reset' });
  unsampled.end({ status: 502, outcome: 'failed', errorType: 'upstream_reset' });

  // What comes after it proves that nothing of it came.
  tracing.startExchange({ ...POST, route: '/after' }).end({ status: 200, outcome: 'complete' });
  const spans = await receiver.spans(1);
  assert.deepEqual(
    spans.map((span) => span.name),
    ['POST /after'],
  );
});

test('an unsampled exchange that failed is exported whole, a good one is not', async (t) => {
  const { tracing, receiver } = await setUp(t, { sample: 0 });
  const good = tracing.startExchange({ ...POST, route: '/good' });
  good.startAttempt(ATTEMPT).end({ status: 200 });
  good.end({ status: 200, outcome: 'complete' });

  const bad = tracing.startExchange({ ...POST, route: '/bad' });
  bad.judged('p', 'allow', 1, true);
  const attempt = bad.startAttempt(ATTEMPT);
  attempt.end({ errorType: 'upstream_reset' });
  bad.end({ status: 502, outcome: 'failed', errorType: 'upstream_reset' });

  const spans = await receiver.spans(2);
  assert.deepEqual(
    spans.map((span) => span.name),
    ['POST /bad', 'POST'],
  );
  const [server, client] = spans;
  assert.equal(client?.parentSpanId, server?.spanId);
  assert.equal(attempt.traceparent, `00-${client?.traceId}-${client?.spanId}-00`);
  assert.equal(server?.events.length, 1);
});

const endings = [
  { what: 'complete', end: { status: 200, outcome: 'complete' }, status: 'unset', errorType: undefined },
  { what: "an upstream's 404", end: { status: 404, outcome: 'complete' }, status: 'unset', errorType: undefined },
  { what: "an upstream's 500", end: { status: 500, outcome: 'complete' }, status: 'error', errorType: '500' },
  {
    what: 'a refusal with 429, which is no error of the server but can be found',
    end: { status: 429, outcome: 'replied', errorType: 'rate_limited' },
    status: 'unset',
    errorType: 'rate_limited',
  },
  {
    what: 'a refusal with 503',
    end: { status: 503, outcome: 'replied', errorType: 'key_missing' },
    status: 'error',
    errorType: 'key_missing',
  },
  { what: 'a client abort', end: { status: 200, outcome: 'client_abort' }, status: 'error', errorType: 'client_abort' },
  {
    what: 'a client abort in a 404',
    end: { status: 404, outcome: 'client_abort' },
    status: 'error',
    errorType: 'client_abort',
  },
  {
    what: 'a truncated answer',
    end: { status: 200, outcome: 'upstream_abort', errorType: 'upstream_reset' },
    status: 'error',
    errorType: 'upstream_reset',
  },
  {
    what: 'a timeout before the head',
    end: { status: 504, outcome: 'failed', errorType: 'upstream_first_byte_timeout' },
    status: 'error',
    errorType: 'upstream_first_byte_timeout',
  },
] as const;
for (const { what, end, status, errorType } of endings) {
  test(`status and error.type of ${what}`, async (t) => {
    const { tracing, receiver } = await setUp(t);
    const exchange = tracing.startExchange(POST);
    exchange.end(end);
    exchange.end({ status: 200, outcome: 'complete' }); // only the first counts
    await tracing.close();
    const [span, ...more] = receiver.received;
    assert.equal(more.length, 0);
    assert.equal(span?.status, status);
    assert.equal(span?.attributes['error.type'], errorType);
    assert.equal(span?.attributes['http.response.status_code'], end.status);
  });
}

test('each attempt is a client span; errors of an attempt are marked, repeats counted', async (t) => {
  const { tracing, receiver } = await setUp(t);
  const exchange = tracing.startExchange(POST);
  exchange.startAttempt(ATTEMPT).end({ errorType: 'upstream_connect' });
  exchange.startAttempt({ ...ATTEMPT, number: 2 }).end({ status: 429 });
  exchange.startAttempt({ ...ATTEMPT, number: 3 }).end({ status: 200 });
  exchange.end({ status: 200, outcome: 'complete' });
  const spans = (await receiver.spans(4)).filter((span) => span.kind === 'client');
  assert.deepEqual(
    spans.map(({ status, attributes }) => [status, attributes['error.type'], attributes['http.request.resend_count']]),
    [
      ['error', 'upstream_connect', undefined],
      ['error', '429', 1],
      ['unset', undefined, 2],
    ],
  );
});

test('an attempt that ends after its exchange is exported too', async (t) => {
  const { tracing, receiver } = await setUp(t);
  const exchange = tracing.startExchange(POST);
  const attempt = exchange.startAttempt(ATTEMPT);
  exchange.end({ status: 200, outcome: 'client_abort' });
  attempt.end({ status: 200 });
  attempt.end({ status: 500 });
  const spans = await receiver.spans(2);
  assert.deepEqual(
    spans.map((span) => [span.kind, span.status]),
    [
      ['server', 'error'],
      ['client', 'unset'],
    ],
  );
});

test('odd methods, missing routes, long and key-bearing paths and floods of events stay bounded', async (t) => {
  const { tracing, receiver } = await setUp(t);
  const path = `/sk-proj-abcdefghijklmnop1234/${'x'.repeat(5000)}`;
  const exchange = tracing.startExchange({ method: 'BREW'.repeat(20), route: undefined, path });
  for (let i = 0; i < 1000; i += 1) exchange.judged('flood', 'allow', 1, true);
  exchange.end({ status: 404, outcome: 'replied', errorType: 'route_not_found' });
  const [span] = await receiver.spans(1);
  assert.equal(span?.name, 'HTTP');
  assert.equal(span?.attributes['http.request.method'], '_OTHER');
  assert.equal(String(span?.attributes['http.request.method_original']).length, 32);
  assert.ok(String(span?.attributes['url.path']).length <= 1024);
  assert.doesNotMatch(String(span?.attributes['url.path']), /abcdefgh/);
  assert.equal(span?.events.length, 128);
});
