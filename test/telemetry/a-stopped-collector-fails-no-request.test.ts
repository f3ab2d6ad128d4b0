import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { startProvider } from '../support/fake-provider.ts';
import { INSPECTABLE, liveHeap } from '../support/live-heap.ts';
import { startCollector } from '../support/otlp-collector.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

/** Most that the live heap may grow with 5,000 spans, which weigh more, in bytes. */
const GROWTH = 2 * 1024 * 1024;

async function start(t: TestContext, env: Readonly<Record<string, string>>) {
  const collector = await startCollector({ t });
  const provider = await startProvider({ t });
  const telemetry = { traces: { endpoint: collector.url, sample: 1 } };
  const file = await yamlFile(proxyYaml({ upstream: provider.url, extra: { telemetry } }), { t });
  const sluice = spawnSluice(['--config', file], env, { t });
  const { url } = await sluice.ready;
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const failed: unknown[] = [];
  const ask = () =>
    new Promise<void>((resolve) => {
      const sent = request(`${url}/openai/v1/models`, { agent }, (response) => {
        if (response.statusCode !== 200) failed.push(response.statusCode);
        response.on('error', (error) => failed.push(error)).on('close', resolve);
        response.resume();
      });
      sent.on('error', (error) => {
        failed.push(error);
        resolve();
      });
      sent.end();
    });
  const load = async (requests: number) => {
    let left = requests;
    const worker = async () => {
      while (left-- > 0 && failed.length < 10) await ask();
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    assert.deepEqual(failed, []);
  };
  const complaints = () => sluice.logs.filter(({ level }) => level !== 'info');
  return { collector, sluice, load, complaints };
}

test('a collector that is stopped under load: no request fails, one line says it and one that it is over', async (t) => {
  const { collector, sluice, load, complaints } = await start(t, { OTEL_EXPORTER_OTLP_TIMEOUT: '1000' });
  await load(300);
  await collector.has(600); // two spans for each
  assert.deepEqual(complaints(), []);

  collector.signal('SIGSTOP');
  let said = false;
  const warned = sluice
    .logged(({ msg }) => /^traces cannot be exported/.test(String(msg)))
    .then(() => {
      said = true;
    });
  while (!said) await load(200);
  await warned;
  await load(2000);
  assert.equal(complaints().length, 1, JSON.stringify(complaints()));

  const then = collector.spans;
  collector.signal('SIGCONT');
  while (collector.spans <= then) await load(50);
  const again = await sluice.logged(({ msg }) => msg === 'traces are exported again');
  assert.ok(Number(again.lost_spans) > 0);
  assert.equal(complaints().length, 1);
});

test('spans that have nowhere to go are bounded in memory', async (t) => {
  // No export gives up within this test.
  const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '60000', NODE_OPTIONS: INSPECTABLE };
  const { collector, sluice, load, complaints } = await start(t, env);
  await load(500);
  await collector.has(1000);
  collector.signal('SIGSTOP');
  await load(1500); // 2,048 spans may wait
  const full = await liveHeap(sluice.stderr);
  await load(2500);
  const grown = (await liveHeap(sluice.stderr)) - full;
  t.diagnostic(`5,000 more spans: ${Math.round(grown / 1024)} KiB more of live heap`);
  assert.ok(grown < GROWTH, `${grown} bytes`);
  assert.deepEqual(complaints(), []);
});
