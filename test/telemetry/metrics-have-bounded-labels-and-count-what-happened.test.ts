import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NO_ROUTE } from '../../src/telemetry/labels.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';

function setUp(t: TestContext): Metrics {
  const metrics = createMetrics();
  t.after(() => metrics.close());
  return metrics;
}

/** Value of one series, as written in the exposition. */
async function value(metrics: Metrics, series: string): Promise<number | undefined> {
  const line = (await metrics.render()).split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test('an exchange counts in every metric of its route', async (t) => {
  const metrics = setUp(t);
  const route = metrics.route('/openai');
  route.exchange('POST', 200, 'complete', 0.3, 0.02, 1500, 2_000_000);
  route.exchange('POST', 200, 'complete', 3, undefined, 0, 0);
  route.exchange('GET', 0, 'client_abort', 0.001, undefined, 0, 0);
  const ok = 'sluice_requests_total{route="/openai",method="POST",status="200",outcome="complete"}';
  assert.equal(await value(metrics, ok), 2);
  const aborted = 'sluice_requests_total{route="/openai",method="GET",status="none",outcome="client_abort"}';
  assert.equal(await value(metrics, aborted), 1);
  assert.equal(await value(metrics, 'sluice_request_duration_seconds_bucket{route="/openai",le="0.25"}'), 1);
  assert.equal(await value(metrics, 'sluice_request_duration_seconds_bucket{route="/openai",le="0.5"}'), 2);
  assert.equal(await value(metrics, 'sluice_request_duration_seconds_bucket{route="/openai",le="+Inf"}'), 3);
  const sum = await value(metrics, 'sluice_request_duration_seconds_sum{route="/openai"}');
  assert.ok(Math.abs((sum ?? 0) - 3.301) < 1e-9);
  assert.equal(await value(metrics, 'sluice_time_to_first_byte_seconds_count'), 1);
  assert.equal(await value(metrics, 'sluice_request_body_bytes_sum'), 1500);
  assert.equal(await value(metrics, 'sluice_response_body_bytes_bucket{le="1048576"}'), 2);
  assert.equal(await value(metrics, 'sluice_response_body_bytes_bucket{le="4194304"}'), 3);
});

test('attempts, policies, aborts, truncations, gauges and reloads are counted under their names', async (t) => {
  const metrics = setUp(t);
  const upstream = metrics.upstream('openai');
  upstream.attempt(200, 1.5);
  upstream.attempt(201, 1.5);
  upstream.attempt(529, 0.1);
  upstream.attempt('upstream_reset', 0.2);
  upstream.truncated('body');
  assert.equal(await value(metrics, 'sluice_upstream_attempts_total{upstream="openai",outcome="2xx"}'), 2);
  assert.equal(await value(metrics, 'sluice_upstream_attempts_total{upstream="openai",outcome="5xx"}'), 1);
  assert.equal(await value(metrics, 'sluice_upstream_attempts_total{upstream="openai",outcome="upstream_reset"}'), 1);
  assert.equal(await value(metrics, 'sluice_upstream_duration_seconds_count{upstream="openai"}'), 4);
  assert.equal(await value(metrics, 'sluice_stream_truncated_total{upstream="openai",phase="body"}'), 1);

  const policy = metrics.policy('per-player', 'shadow');
  policy.decision('deny');
  policy.duration(0.000007);
  const denied = 'sluice_policy_decisions_total{policy="per-player",decision="deny",mode="shadow"}';
  assert.equal(await value(metrics, denied), 1);
  assert.equal(await value(metrics, 'sluice_policy_duration_seconds_bucket{policy="per-player",le="0.000005"}'), 0);
  assert.equal(await value(metrics, 'sluice_policy_duration_seconds_bucket{policy="per-player",le="0.00001"}'), 1);

  metrics.activeRequests.inc();
  metrics.activeRequests.inc();
  metrics.activeRequests.dec();
  metrics.connections.inc();
  metrics.clientAbort('first_byte');
  metrics.redisState('degraded');
  metrics.configGeneration(7);
  metrics.configReload('failure');
  assert.equal(await value(metrics, 'sluice_active_requests'), 1);
  assert.equal(await value(metrics, 'sluice_connections'), 1);
  assert.equal(await value(metrics, 'sluice_client_aborts_total{phase="first_byte"}'), 1);
  assert.equal(await value(metrics, 'sluice_redis_state'), 2);
  assert.equal(await value(metrics, 'sluice_config_generation'), 7);
  assert.equal(await value(metrics, 'sluice_config_reload_total{result="failure"}'), 1);
});

test('whatever methods and statuses come, the number of series stays the same', async (t) => {
  const metrics = setUp(t);
  const route = metrics.route(NO_ROUTE);
  const upstream = metrics.upstream('u');
  const series = async () => (await metrics.render()).split('\n').filter((line) => line.startsWith('sluice_')).length;
  const flood = (from: number, to: number) => {
    for (let i = from; i < to; i += 1) {
      route.exchange(
        `M${i}`,
        (i * 7) % 4000,
        'complete',
        i % 3 === 0 ? Number.NaN : -1,
        Number.POSITIVE_INFINITY,
        i,
        i,
      );
      upstream.attempt((i * 7) % 4000, 1);
    }
  };
  flood(0, 4000);
  const before = await series();
  flood(4000, 20_000);
  assert.equal(await series(), before);
  const text = await metrics.render();
  assert.doesNotMatch(text, /M\d/);
  assert.match(text, /status="4xx",outcome="complete"/);
  assert.match(text, /method="OTHER",status="404"/);
  assert.doesNotMatch(text, /NaN|-1|sum\{[^}]*\} -/i);
  assert.doesNotMatch(text, / [+-]Inf$/m, 'times that are no number are left out');
});

test('the recorder of a route or upstream is the same one after a reload', async (t) => {
  const metrics = setUp(t);
  assert.equal(metrics.route('/a'), metrics.route('/a'));
  assert.equal(metrics.upstream('a'), metrics.upstream('a'));
  metrics.policy('p', 'enforce').decision('allow');
  metrics.policy('p', 'enforce').decision('allow');
  const allowed = 'sluice_policy_decisions_total{policy="p",decision="allow",mode="enforce"}';
  assert.equal(await value(metrics, allowed), 2);
});

test('label values are escaped', async (t) => {
  const metrics = setUp(t);
  metrics.route('/a"b\\c').exchange('GET', 200, 'complete', 1, 1, 1, 1);
  assert.match(await metrics.render(), /route="\/a\\"b\\\\c"/);
});

test('two apps in one process do not see each other', async (t) => {
  const [one, two] = [setUp(t), setUp(t)];
  one.route('/a').exchange('GET', 200, 'complete', 1, 1, 1, 1);
  assert.match(await one.render(), /route="\/a"/);
  assert.doesNotMatch(await two.render(), /route="\/a"/);
});

test('the process is described, garbage collections and loop delay included', async (t) => {
  const metrics = setUp(t);
  // The monitor needs a first sample before the stall that it is to see.
  await new Promise((resolve) => setTimeout(resolve, 120));
  // A stall of the loop and garbage, then time for the observers to be told.
  const started = performance.now();
  let garbage: unknown[] = [];
  while (performance.now() - started < 300) garbage = Array.from({ length: 10_000 }, (_, i) => ({ i, garbage: [i] }));
  assert.equal(garbage.length, 10_000);
  await new Promise((resolve) => setTimeout(resolve, 60));
  const text = await metrics.render();
  const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  assert.ok(read('process_cpu_seconds_total') > 0.1);
  assert.ok(read('process_resident_memory_bytes') > 1e7);
  assert.ok(read('process_open_fds') > 3);
  assert.ok(read('process_max_fds') > 3);
  assert.ok(read('nodejs_heap_size_used_bytes') > 1e6);
  assert.ok(Math.abs(read('process_start_time_seconds') - Date.now() / 1000) < 600);
  assert.ok(read('nodejs_eventloop_lag_max_seconds') > 0.2);
  assert.ok(read('nodejs_eventloop_lag_p50_seconds') < 0.2);
  assert.ok(read('nodejs_gc_duration_seconds_count\\{kind="minor"\\}') > 0);
  const after = Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(await metrics.render())?.[1]);
  assert.ok(after < 0.2, 'each scrape begins a new period');
});
