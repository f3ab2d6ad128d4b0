import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProvider } from '../support/fake-provider.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { request } from '../support/request.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const preload = new URL('../../src/telemetry/auto-instrumentation.ts', import.meta.url).href;

test('start:auto puts its server span between the client’s and ours, and the upstream gets one traceparent, ours', async (t) => {
  const collector = await startOtlpReceiver();
  t.after(() => collector.close());
  const provider = await startProvider({ t });
  const traces = { endpoint: collector.url, sample: 1 };
  const yaml = proxyYaml({ upstream: provider.url, extra: { telemetry: { traces } } });
  const env = {
    NODE_OPTIONS: `--import ${preload}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '50',
  };
  const sluice = spawnSluice(['--config', await yamlFile(yaml, { t })], env, { t });
  const { url } = await sluice.ready;
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01` };
  await request(`${url}/openai/v1/models`, { headers });

  const isOurs = ({ attributes }: { attributes: object }) => 'sluice.outcome' in attributes;
  const servers = () => collector.received.filter(({ kind, traceId }) => kind === 'server' && traceId === TRACE);
  for (let count = 1; servers().length < 2; count++) await collector.spans(count);
  const ours = servers().find(isOurs);
  const theirs = servers().find((span) => !isOurs(span));
  assert.equal(theirs?.parentSpanId, PARENT);
  assert.equal(ours?.parentSpanId, theirs?.spanId);
  for (let count = 1; !collector.received.some(isAttempt); count++) await collector.spans(count);
  const attempt = collector.received.find(isAttempt);
  assert.deepEqual(provider.requests[0]?.headerLines('traceparent'), [`00-${TRACE}-${attempt?.spanId}-01`]);
});

function isAttempt({ attributes }: { attributes: object }): boolean {
  return 'sluice.attempt' in attributes;
}

test('start:auto without an endpoint says that it does nothing, and Sluice runs', async (t) => {
  const provider = await startProvider({ t });
  const config = await yamlFile(proxyYaml({ upstream: provider.url }), { t });
  const sluice = spawnSluice(['--config', config], { NODE_OPTIONS: `--import ${preload}` }, { t });
  const { url } = await sluice.ready;
  assert.equal((await request(`${url}/openai/v1/models`)).status, 200);
  assert.match(sluice.stderr, /OTEL_EXPORTER_OTLP_ENDPOINT is not set/);
  const { code } = await sluice.kill();
  assert.equal(code, 0);
});
