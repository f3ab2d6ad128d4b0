import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startProvider } from '../support/fake-provider.ts';
import { connectRaw } from '../support/raw-client.ts';
import { request } from '../support/request.ts';
import { startProxy } from '../support/start-proxy.ts';
import { attemptSpans, serverSpan, startTraced } from '../support/traced-proxy.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=1' };
const untrusted = { address: '127.0.0.1:0', trust_inbound_trace: false };

async function start(t: TestContext, listen: unknown, sample: number) {
  const provider = await startProvider({ t });
  return { provider, ...(await startTraced(t, { upstream: provider.url, extra: { listen } }, { sample })) };
}

test('a listener that does not trust begins a new trace, linked to the inbound one, by its own share', async (t) => {
  const { proxy, provider, finish } = await start(t, untrusted, 1);
  await request(`${proxy.url}/openai/v1/models`, { headers });
  const spans = await finish();
  const server = serverSpan(spans);
  assert.ok(server);
  assert.notEqual(server.traceId, TRACE);
  assert.equal(server.parentSpanId, '');
  assert.equal(server.traceState, '');
  assert.deepEqual(server.links, [{ traceId: TRACE, spanId: PARENT }]);
  const [attempt] = attemptSpans(spans);
  const [sent] = provider.requests;
  assert.deepEqual(sent?.headerLines('traceparent'), [`00-${server.traceId}-${attempt?.spanId}-01`]);
  assert.deepEqual(sent?.headerLines('tracestate'), []);
});

test('a flag from outside makes nothing sampled there', async (t) => {
  const { proxy, finish } = await start(t, [untrusted], 0);
  await request(`${proxy.url}/openai/v1/models`, { headers });
  assert.deepEqual(await finish(), []);
});

test('each listener of a list goes by its own word, and a plain address trusts', async (t) => {
  const { proxy, collector } = await start(t, ['127.0.0.1:0', { ...untrusted, address: '127.0.0.2:0' }], 1);
  const [inside, outside] = proxy.app.proxyAddresses;
  await request(`http://127.0.0.1:${inside?.port}/openai/v1/models`, { headers });
  await request(`http://127.0.0.2:${outside?.port}/openai/v1/models`, { headers });
  const servers = (await collector.spans(4)).filter(({ kind }) => kind === 'server');
  assert.deepEqual(
    servers.map(({ traceId, parentSpanId, links }) => [traceId === TRACE, parentSpanId, links.length]),
    [
      [true, PARENT, 0],
      [false, '', 1],
    ],
  );
});

test('without traces a trusted context passes as it came and another goes no further', async (t) => {
  const provider = await startProvider({ t });
  const listen = [
    { address: '127.0.0.1:0', trust_inbound_trace: true },
    { ...untrusted, address: '127.0.0.2:0' },
  ];
  const proxy = await startProxy({ upstream: provider.url, extra: { listen } }, { t });
  const [inside, outside] = proxy.app.proxyAddresses;
  await request(`http://127.0.0.1:${inside?.port}/openai/v1/models`, { headers });
  await request(`http://127.0.0.2:${outside?.port}/openai/v1/models`, { headers });
  const sent = provider.requests.map((one) => [...one.headerLines('traceparent'), ...one.headerLines('tracestate')]);
  assert.deepEqual(sent, [[headers.traceparent, headers.tracestate], []]);
});

test('a request that no route takes has a server span of its own', async (t) => {
  const { proxy, collector } = await start(t, '127.0.0.1:0', 0);
  const missing = await request(`${proxy.url}/nowhere?key=secret`, { headers });
  const spans = await collector.spans(1);
  const server = serverSpan(spans);
  assert.equal(server?.name, 'GET');
  assert.equal(server?.traceId, TRACE);
  assert.equal(server?.parentSpanId, PARENT);
  assert.equal(server?.status, 'unset', 'a 4xx is no error of the server');
  assert.equal(server?.attributes['http.response.status_code'], 404);
  assert.equal(server?.attributes['error.type'], 'route_not_found');
  assert.equal(server?.attributes['url.path'], '/nowhere');
  assert.equal(server?.attributes['sluice.request_id'], missing.headers['x-sluice-request-id']);
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(line.trace_id, TRACE);
});

test('a refusal of an upgrade and of an expectation are traced, and at a trust boundary begin anew', async (t) => {
  const { proxy, collector } = await start(t, untrusted, 1);
  const lines = `host: x\r\ntraceparent: ${headers.traceparent}\r\n`;
  for (const more of ['expect: magic\r\n', 'connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 2\r\n']) {
    const client = await connectRaw(proxy.url);
    t.after(() => client.socket.destroy());
    await client.send(`GET /openai/v1/realtime HTTP/1.1\r\n${lines}${more}\r\n`);
    await client.head();
  }
  const spans = await collector.spans(2);
  assert.deepEqual(spans.map(({ attributes }) => attributes['error.type']).sort(), [
    'bad_request',
    'expectation_failed',
  ]);
  for (const { traceId, links } of spans) {
    assert.notEqual(traceId, TRACE);
    assert.deepEqual(links, [{ traceId: TRACE, spanId: PARENT }]);
  }
});
