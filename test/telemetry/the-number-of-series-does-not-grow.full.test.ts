import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMetrics } from '../support/prometheus-text.ts';
import { promtool } from '../support/promtool.ts';
import { startMixed } from './mixed-load.ts';
import { everyKindOnce, randomRequests } from './random-load.ts';

test('promtool finds nothing to complain about after a mixed load', async (t) => {
  const mixed = await startMixed(t);
  await mixed.everything();
  const text = await mixed.proxy.metrics();
  assert.deepEqual(promtool(['check', 'metrics'], text), { status: 0, output: '' });
  const twice = `${text}\n${text}`;
  assert.notEqual(promtool(['check', 'metrics'], twice).status, 0, 'it would find a series that is there twice');
});

test('10,000 requests with random models, paths, methods and headers make no series that a small load had not made', async (t) => {
  const mixed = await startMixed(t);
  await mixed.everything();
  await everyKindOnce(mixed);
  const before = readMetrics(await mixed.proxy.metrics());
  await randomRequests(mixed, 10_000);
  const after = readMetrics(await mixed.proxy.metrics());
  const counted = (series: ReadonlyMap<string, number>) =>
    [...series].filter(([name]) => name.startsWith('sluice_requests_total')).reduce((sum, [, value]) => sum + value, 0);
  assert.equal(counted(after) - counted(before), 10_000);
  assert.deepEqual(
    [...after.keys()].filter((series) => !before.has(series) && !series.includes('le=')),
    [],
  );
  assert.equal(after.size, before.size);
  t.diagnostic(`${after.size} series`);
});
