import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import Type from 'typebox';
import { definePolicy, type Outcome } from '../../src/policy.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const POST = 'POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}';

/** Records every end; waits in `request` when told to. */
function probe(wait?: () => Promise<void>) {
  const ends: Outcome[] = [];
  const waiting = Promise.withResolvers<void>();
  const policy = definePolicy({
    name: 'probe',
    summary: 'Records ends.',
    schema: Type.Object({}, { additionalProperties: false }),
    setup: () => ({
      request() {
        const hooks = { end: (outcome: Outcome) => void ends.push(outcome) };
        waiting.resolve();
        return wait === undefined ? hooks : wait().then(() => hooks);
      },
    }),
  });
  return { policy, ends, waiting: waiting.promise };
}

async function start(t: TestContext, policy: ReturnType<typeof probe>['policy'], answer: string, options: object = {}) {
  const upstream = await startRawUpstream((exchange) => void (answer === '' || exchange.write(answer)), {
    t,
    on: 'head',
  });
  const proxy = await startProxy(
    { upstream: upstream.url, policies: [{ policy: 'probe' }], ...options },
    { t, policies: [policy] },
  );
  return { upstream, proxy, client: await connectRaw(proxy.url) };
}

async function leaves(
  t: TestContext,
  { client, upstream, proxy }: Awaited<ReturnType<typeof start>>,
  ends: Outcome[],
  phase: string,
) {
  const exchange = await upstream.nextExchange();
  if (phase === 'stream') await client.head();
  const left = performance.now();
  client.reset();
  const closed = await exchange.closed;
  const latency = closed.at - left;
  t.diagnostic(`${phase}: the upstream was closed ${latency.toFixed(1)} ms after the client left`);
  assert.ok(latency < 250);
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(line.outcome, 'client_abort');
  assert.deepEqual(
    ends.map(({ kind }) => kind),
    ['client_abort'],
  );
  assert.match(await proxy.metrics(), new RegExp(`sluice_client_aborts_total\\{phase="${phase}"\\} 1`));
}

test('before the first byte', async (t) => {
  const { policy, ends } = probe();
  const running = await start(t, policy, '');
  await running.client.send(POST);
  await leaves(t, running, ends, 'first_byte');
});

test('in mid-stream', async (t) => {
  const { policy, ends } = probe();
  const running = await start(t, policy, HEAD);
  await running.client.send(POST);
  await leaves(t, running, ends, 'stream');
});

test('with most of a large body still unsent', async (t) => {
  const { policy, ends } = probe();
  const running = await start(t, policy, '');
  await running.client.send('POST /openai/v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n');
  await running.client.send(Buffer.alloc(400_000, 97));
  await leaves(t, running, ends, 'first_byte');
});

test('while a policy makes it wait: nothing reaches the upstream, and late hooks end at once', async (t) => {
  const release = Promise.withResolvers<void>();
  const { policy, ends, waiting } = probe(() => release.promise);
  const { client, upstream, proxy } = await start(t, policy, '');
  await client.send(POST);
  await waiting;
  client.reset();
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(line.outcome, 'client_abort');
  assert.equal(ends.length, 0);
  release.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    ends.map(({ kind }) => kind),
    ['client_abort'],
  );
  assert.equal(upstream.connections, 0);
  assert.match(await proxy.metrics(), /sluice_client_aborts_total\{phase="policy"\} 1/);
});

test('on_client_abort: drain reads on within its bounds', async (t) => {
  const { policy, ends } = probe();
  const drain = { routeOptions: { on_client_abort: { drain: { max_seconds: 5, max_bytes: 1000 } } } };
  const { client, upstream, proxy } = await start(t, policy, HEAD, drain);
  await client.send(POST);
  const exchange = await upstream.nextExchange();
  await client.head();
  client.reset();
  await exchange.write('4\r\nmore\r\n');
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(ends.length, 0, 'it is still read');
  await exchange.write('0\r\n\r\n');
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(line.outcome, 'client_abort');
  assert.equal(ends[0]?.bytes, 4);
});
