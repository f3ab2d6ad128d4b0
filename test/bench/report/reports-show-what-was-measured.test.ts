import assert from 'node:assert/strict';
import { test } from 'node:test';
import { names } from '../line-up.ts';
import { barsSvg } from './bars.ts';
import { betweenMarkers } from './between-markers.ts';
import { linesSvg, niceAbove, short } from './lines.ts';
import { plot, report } from './report.ts';
import { emptyResult, type Result, type Results } from './results.ts';
import { shownList, shows } from './shows.ts';
import { markdownTable, resultsTable } from './table.ts';

function result(name: string, request: (number | null)[], more: Partial<Result> = {}): Result {
  const empty = emptyResult(name, '1.0', request.length);
  return { ...empty, samples: { ...empty.samples, request }, ...more };
}

function results(...contenders: Result[]): Results {
  return {
    startedAt: '2026-01-02T03:04:05.000Z',
    seconds: 60,
    rounds: 3,
    machine: {
      cpu: 'CPU',
      cores: 2,
      memoryGiB: 8,
      kernel: 'Linux 6',
      node: 'v24',
      virtual: 'kvm',
      pinned: 'contender on CPU 1, all others on CPU 0',
      revision: 'abc',
    },
    direct: { p50: [1, 1, 1], p99: [2, 2, 2] },
    contenders,
    ready: [{ name: 'tracing on', medianMs: 300, minMs: 200, maxMs: 400 }],
  };
}

test('the table has medians, spread and ratios of each round', () => {
  const all = results(result(names.b, [50, 500, 60]), result(names.httpProxy3, [100, 1000, 100]));
  const [, , row = ''] = resultsTable(all).split('\n');
  // The slow round is in the spread, and not in the ratio.
  assert.match(row, /\| +60\.0 \(50\.0–500\.0\) \| +0\.50 \|/);
});

test('who failed stays in the table and the reason stands below it, on one line', () => {
  const text = resultsTable(results(result('Broken', [null, null, null], { failure: 'no such\nfile' })));
  assert.match(text, /\| Broken 1\.0/);
  assert.match(text, /^- \*\*Broken\*\* was not measured to the end: no such file$/m);
});

test('bounds are told as shown, missed or not measured, never left out', () => {
  const all = results(
    result(names.b, [50, 50, 50]),
    result(names.httpProxy3, [100, 100, 100]),
    result(names.nginx, [5, 5, 5]),
  );
  const list = shownList(shows(all));
  assert.match(list, new RegExp(`^- shown: CPU a request, ${escaped(names.b)} to ${names.httpProxy3}: 0\\.50`, 'm'));
  assert.match(list, new RegExp(`^- \\*\\*missed\\*\\*: CPU a request, ${escaped(names.b)} to nginx: 10`, 'm'));
  assert.match(list, new RegExp(`^- not measured: CPU a request, ${escaped(names.a)}`, 'm'));
  assert.match(list, /^- \*\*missed\*\*: ms to ready, tracing on: 300 \(bound 250\)/m);
});

test('a whole report of nothing but failures can be made, and its plot', () => {
  const all = results(result(names.b, [null, null, null], { failure: 'no' }));
  assert.match(report(all), /was not measured to the end: no/);
  assert.match(plot(all), /<\/svg>/);
});

test('cells are aligned and a pipe in them does not end them', () => {
  const lines = markdownTable(
    ['a', 'b'],
    [
      ['one|two', '1'],
      ['x', '100'],
    ],
  ).split('\n');
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
  assert.match(lines[2] ?? '', /one\\\|two/);
});

test('plots escape what they are told, keep bars within the drawing and have no NaN', () => {
  const bar = { kind: 'own', min: 1, max: 3 } as const;
  const bars = barsSvg('<&>', [
    {
      title: 'a < b',
      unit: 'µs',
      bars: [
        { ...bar, label: 'x', median: 2 },
        { ...bar, label: '"y"', median: 900 },
      ],
    },
  ]);
  assert.match(bars, /a &lt; b/);
  assert.match(bars, /900 µs \(cut\)/);
  const lines = linesSvg('t', [
    { title: 'one point', x: 'x', y: 'y', points: [[1, 0]] },
    {
      title: 'log',
      x: 'x',
      y: 'y',
      logX: true,
      points: [
        [0, 1],
        [10, 2],
        [100, 9],
      ],
    },
  ]);
  for (const text of [bars, lines]) assert.doesNotMatch(text, /NaN|undefined|Infinity/);
  for (const [, width] of bars.matchAll(/<rect[^>]*width="([\d.]+)"/g)) assert.ok(Number(width) <= 460);
});

test('axes end at round numbers', () => {
  assert.deepEqual([0, 0.13, 7, 10, 260].map(niceAbove), [1, 0.2, 10, 10, 500]);
  assert.deepEqual([5, 1024, 65_536, 8_388_608].map(short), ['5', '1024', '65.5k', '8.39M']);
});

test('generated parts of a page are replaced, the rest stays, and missing markers are an error', () => {
  const page = 'before\n<!-- x -->\nold\n<!-- /x -->\nafter';
  const once = betweenMarkers(page, 'x', 'new');
  assert.equal(once, 'before\n<!-- x -->\n\nnew\n\n<!-- /x -->\nafter');
  assert.equal(betweenMarkers(once, 'x', 'new'), once);
  assert.throws(() => betweenMarkers('no markers', 'x', 'new'), /<!-- x -->/);
  assert.throws(() => betweenMarkers(`${page}${page}`, 'x', 'new'), /once|one line/);
});

function escaped(text: string): string {
  return text.replaceAll(/[()]/g, '\\$&');
}
