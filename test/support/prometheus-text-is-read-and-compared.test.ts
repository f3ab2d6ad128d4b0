import assert from 'node:assert/strict';
import { test } from 'node:test';
import { movedMetrics, readMetrics } from './prometheus-text.ts';

const text = `# HELP a_total Things.
# TYPE a_total counter
a_total 3
b_total{route="/x y",note="br}ace \\"q\\""} 1.5 1790000000
c_bucket{le="+Inf"} 7
d +Inf
`;

test('series keep their labels, whatever is in them', () => {
  assert.deepEqual(
    [...readMetrics(text)],
    [
      ['a_total', 3],
      ['b_total{route="/x y",note="br}ace \\"q\\""}', 1.5],
      ['c_bucket{le="+Inf"}', 7],
      ['d', Number.POSITIVE_INFINITY],
    ],
  );
});

test('only what moved is told, a new series as moved from 0', () => {
  const before = new Map([
    ['same', 1],
    ['up', 1],
  ]);
  const after = new Map([
    ['same', 1],
    ['up', 2],
    ['new', 3],
    ['zero', 0],
  ]);
  assert.deepEqual(movedMetrics(before, after), [
    { series: 'up', before: 1, after: 2 },
    { series: 'new', before: 0, after: 3 },
  ]);
});
