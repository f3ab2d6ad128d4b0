import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';
import {
  beforeTheConnection,
  type LeavingPhase,
  leavings,
  onTheWay,
  probe,
  whileAPolicyWaits,
  withALargeBodyUnread,
} from './leavings.ts';

const samples = 30;
/** A busy machine gets more chances: what Sluice does wrong it does in every round. */
const rounds = 3;
/** Law 3. */
const mostMs = 20;

interface Row {
  readonly name: string;
  readonly make: (t: TestContext) => Promise<LeavingPhase>;
  /** As what the metric counts it. */
  readonly counted: string;
  readonly ways: readonly (keyof typeof leavings)[];
}

const rows: readonly Row[] = [
  { name: 'while a policy waits', make: (t) => whileAPolicyWaits(t), counted: 'policy', ways: ['FIN', 'RST'] },
  { name: 'before the upstream connected', make: beforeTheConnection, counted: 'connect', ways: ['FIN', 'RST'] },
  { name: 'before the first byte', make: (t) => onTheWay(t, false), counted: 'first_byte', ways: ['FIN', 'RST'] },
  {
    name: 'with a large body that the upstream does not read',
    make: (t) => withALargeBodyUnread(t, false),
    counted: 'first_byte',
    ways: ['FIN', 'RST'],
  },
  // A FIN lies behind the bytes that nobody reads: there only a reset can be noticed.
  {
    name: 'with a large body held back',
    make: (t) => withALargeBodyUnread(t, true),
    counted: 'first_byte',
    ways: ['RST'],
  },
  { name: 'mid-stream', make: (t) => onTheWay(t, true), counted: 'stream', ways: ['FIN', 'RST'] },
];

/** Milliseconds from each client's close to the upstream's, shortest first. */
async function measure({ ends, arrive }: LeavingPhase, way: keyof typeof leavings): Promise<number[]> {
  const latencies: number[] = [];
  for (let i = 0; i < samples; i++) {
    const { client, stopped } = await arrive();
    const left = performance.now();
    leavings[way](client);
    const outcome = await ends.next();
    assert.equal(outcome.kind, 'client_abort');
    latencies.push((await (stopped ?? outcome)).at - left);
    assert.equal(ends.size, 0, 'it ends once');
  }
  return latencies.sort((a, b) => a - b);
}

for (const { name, make, counted, ways } of rows) {
  for (const way of ways) {
    test(`${name}: ${way}`, async (t) => {
      const phase = await make(t);
      let round = 0;
      let p50 = Number.NaN;
      do {
        const latencies = await measure(phase, way);
        const at = (share: number) => latencies[Math.ceil(share * samples) - 1] ?? Number.NaN;
        p50 = at(0.5);
        const said = `p50 ${p50.toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms`;
        t.diagnostic(`${name.padEnd(50)} ${way}  from the client's close to the upstream's: ${said}`);
      } while (++round < rounds && p50 > mostMs);
      assert.ok(p50 <= mostMs, `${p50} ms`);
      const metrics = await phase.proxy.metrics();
      assert.match(metrics, new RegExp(`sluice_client_aborts_total\\{phase="${counted}"\\} ${samples * round}`));
      assert.match(metrics, /^sluice_connections 0$/m);
    });
  }
}

test('hooks that a policy returns after its client has left end at once', async (t) => {
  const { ends, proxy, arrive } = await whileAPolicyWaits(t, '/wait-with-hooks');
  const { client } = await arrive();
  client.reset();
  assert.equal((await ends.next()).kind, 'client_abort');
  await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal((await ends.next()).kind, 'client_abort');
});

test('on_client_abort: drain goes on reading, and the end comes once, with what came', async (t) => {
  const { ends, policies } = probe();
  const upstream = await startRawUpstream(() => {}, { t });
  const proxy = await startProxy(
    {
      upstream: upstream.url,
      policies: [{ policy: 'watch' }],
      routeOptions: { on_client_abort: { drain: { max_seconds: 5, max_bytes: 1000 } } },
    },
    { t, policies },
  );
  const client = await connectRaw(proxy.url);
  await client.send('GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n');
  const exchange = await upstream.nextExchange();
  await exchange.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
  await client.head();
  client.reset();
  while (!/^sluice_connections 0$/m.test(await proxy.metrics()));
  await exchange.write('4\r\nmore\r\n');
  assert.equal(ends.size, 0, 'it is still read');
  await exchange.write('0\r\n\r\n');
  const { kind, bytes } = await ends.next();
  assert.deepEqual({ kind, bytes }, { kind: 'client_abort', bytes: 4 });
});
