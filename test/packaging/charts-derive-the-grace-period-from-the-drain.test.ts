import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { only, podOf, prepareCharts } from './charts.ts';

const charts = prepareCharts();
after(() => charts.remove());

/** The grace period of the chart's own Deployment, or of the example's, with these values. */
function graceOf(chart: string, values: object): number | undefined {
  const file = join(charts.folder, 'grace.json');
  writeFileSync(file, JSON.stringify(values));
  return podOf(only(charts.render(chart, '-f', file), 'Deployment'))?.terminationGracePeriodSeconds;
}
// Without a preStop hook it is the drain and 10 s.
const gateway = (values: object, more: object = {}) =>
  graceOf('sluice', { gateway: { enabled: true, preStopSeconds: 0, ...more }, ...values });

const drains: Readonly<Record<string, number>> = {
  '0': 0,
  '250ms': 1,
  '5s': 5,
  '1.5s': 2,
  '2m': 120,
  '1.5m': 90,
  '1h': 3600,
};
for (const [drain, seconds] of Object.entries(drains)) {
  test(`a drain of ${drain} gives ${seconds} s and 10`, () => {
    assert.equal(gateway({ overlay: { server: { drain } } }), seconds + 10);
  });
}

test('without one it is that of proxy.yaml as shipped', () => {
  assert.equal(gateway({}), 35);
  assert.equal(gateway({ config: { listen: 'localhost:7480' } }), 35);
});

test('the overlay has the last word over config, which may be a map or text', () => {
  assert.equal(gateway({ config: { server: { drain: '40s' } } }), 50);
  assert.equal(gateway({ config: 'server: { drain: 40s }\n' }), 50);
  assert.equal(gateway({ config: 'server: { drain: 40s }\n', overlay: { server: { drain: '1m' } } }), 70);
});

test('preStop hooks and the end of the game count: one after the other, or side by side with a legacy container', () => {
  assert.equal(gateway({}, { preStopSeconds: 7 }), 42);
  assert.equal(graceOf('example-game', { matchSeconds: 100 }), 135);
  const legacy = (matchSeconds: number) =>
    graceOf('example-game', { matchSeconds, sluice: { legacy: true, legacyPreStopSeconds: 60 } });
  assert.deepEqual([legacy(60), legacy(100)], [95, 100]);
});

test('what cannot be read is refused, unless the grace period is given', () => {
  const variable = { overlay: { server: { drain: `\${DRAIN:-30s}` } } };
  assert.throws(() => gateway(variable), /server\.drain "\$\{DRAIN:-30s\}" is no duration/);
  assert.throws(() => gateway({ overlay: { server: { drain: '25' } } }), /is no duration/);
  assert.throws(() => gateway({ config: 'server: {' }), /config is no YAML/);
  assert.equal(gateway(variable, { terminationGracePeriodSeconds: 90 }), 90);
});
