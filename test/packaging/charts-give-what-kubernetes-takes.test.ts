import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkManifests } from '../support/kubernetes-types.ts';
import { brokenManifests, soundManifests } from './broken-manifests.ts';
import { prepareCharts } from './charts.ts';
import { wrongValues } from './wrong-values.ts';

const charts = prepareCharts();
after(() => charts.remove());

for (const values of charts.valuesFiles) {
  const chart = values.split('/')[0] ?? '';
  test(`helm lint --strict finds nothing in ${values}`, () => {
    const { status, output } = charts.helm('lint', '--strict', chart, '-f', values);
    assert.equal(status, 0, output);
    assert.doesNotMatch(output, /\[(WARNING|ERROR)\]/);
  });
}

test('every manifest of every values file is one that the Kubernetes API knows, field by field', () => {
  const rendered = charts.valuesFiles.flatMap((values) =>
    charts.render(values.split('/')[0] ?? '', '-f', values).map((manifest) => ({ values, manifest })),
  );
  const kinds = new Set(rendered.map(({ manifest }) => manifest.kind));
  const expected = ['ConfigMap', 'Deployment', 'NetworkPolicy', 'Pod', 'PodDisruptionBudget', 'PodMonitor', 'Service'];
  assert.deepEqual([...kinds].sort(), expected);
  const problems = checkManifests(rendered.map(({ manifest }) => manifest));
  const found = problems.flatMap((problem, i) =>
    problem === '' ? [] : [`${rendered[i]?.values}, ${rendered[i]?.manifest.kind}: ${problem}`],
  );
  assert.deepEqual(found, []);
});

test('that check refuses unknown fields, wrong types and missing fields, each by its name', () => {
  assert.deepEqual(
    checkManifests(soundManifests),
    soundManifests.map(() => ''),
  );
  const problems = checkManifests(brokenManifests.map(({ manifest }) => manifest));
  assert.ok(problems.length >= 10);
  for (const [i, { names }] of brokenManifests.entries()) {
    assert.match(problems[i] ?? '', new RegExp(`error TS\\d+: .*\\b${names}\\b`), `${names}: ${problems[i]}`);
  }
});

for (const [what, values] of Object.entries(wrongValues)) {
  test(`helm refuses ${what}, of the chart and as a dependency`, () => {
    const file = join(charts.folder, 'wrong.json');
    for (const [chart, content] of [['sluice', values] as const, ['example-game', { sluice: values }] as const]) {
      writeFileSync(file, JSON.stringify(content));
      const { status, output } = charts.helm('template', 'game', chart, '-f', file);
      assert.notEqual(status, 0, chart);
      assert.match(output, /values don't meet the specifications of the schema/);
    }
  });
}
