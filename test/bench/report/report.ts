/** What `npm run bench` writes: Markdown for the terminal and for BENCHMARKS.md, and the plot. */
import { names } from '../line-up.ts';
import { type Bar, type BarPlot, barsSvg } from './bars.ts';
import { type Measure, present, type Result, type Results } from './results.ts';
import { shownList, shows } from './shows.ts';
import { median, summary } from './statistics.ts';
import { markdownTable, resultsTable, spread } from './table.ts';

/** The whole report as Markdown. */
export function report(results: Results): string {
  const { machine, direct, rounds, startedAt, seconds, ready } = results;
  const { cpu, cores, memoryGiB, kernel, node, virtual, pinned, revision } = machine;
  return [
    `${startedAt.slice(0, 10)}, ${rounds} rounds in ${(seconds / 60).toFixed(0)} minutes, revision ${revision}. ${cpu}, ${cores} CPUs, ` +
      `${memoryGiB} GiB, virtual: ${virtual}; ${kernel}, Node ${node}; ${pinned}.`,
    'Medians of the rounds (least–most). × is the median of the ratios of each round, to bare http-proxy-3 (hp3) and to nginx.',
    resultsTable(results),
    `Without a proxy the first byte takes ${spread(present(direct.p50), 2)} ms at p50 and ${spread(present(direct.p99), 2)} ms at p99; ` +
      'TTFT is what a contender adds.',
    ...(ready.length === 0
      ? []
      : [
          `Time to ready, not pinned: ${ready.map((one) => `${one.name} ${one.medianMs.toFixed(0)} ms (${one.minMs.toFixed(0)}–${one.maxMs.toFixed(0)})`).join('; ')}.`,
        ]),
    'Conditions: how busy the contender kept its core, and the load the other one; events a second that arrived, and how many a read brought; ' +
      'the cost of a request (a stream of three events) at 200 a second, where nobody is saturated.',
    conditionsTable(results.contenders),
    shownList(shows(results)),
  ].join('\n\n');
}

/** The plot of both costs. */
export function plot({ contenders }: Results): string {
  return barsSvg('CPU of proxies', [
    bars('CPU for a request, µs (less is better)', 'request', contenders),
    bars('CPU for an event of a stream, µs, 100 streams of 100 events a second', 'chunk', contenders),
  ]);
}

function bars(title: string, measure: Measure, contenders: readonly Result[]): BarPlot {
  const all = contenders.flatMap(({ name, samples }): Bar[] => {
    const values = summary(present(samples[measure]));
    if (values === undefined) return [];
    const kind = name.startsWith('Sluice')
      ? 'own'
      : name === names.httpProxy3 || name === names.nginx
        ? 'base'
        : 'other';
    return [{ label: name, kind, ...values }];
  });
  return { title, unit: 'µs', bars: all };
}

function conditionsTable(contenders: readonly Result[]): string {
  const heads = [
    'contender',
    'busy, requests',
    'load',
    'busy, events',
    'load',
    'events/s',
    'a read',
    'µs at 200/s',
    'µs after a rest',
  ];
  const rows = contenders.map(({ name, samples }) => {
    const middle = (measure: Measure) => median(present(samples[measure]));
    const percent = (measure: Measure) => shown(middle(measure) * 100, 0, ' %');
    return [
      name,
      percent('requestBusy'),
      percent('requestLoadBusy'),
      percent('chunkBusy'),
      percent('chunkLoadBusy'),
      shown(middle('chunksPerSecond'), 0),
      shown(middle('eventsPerRead'), 2),
      spread(present(samples.openRequest), 0),
      spread(present(samples.restedRequest), 0),
    ];
  });
  return markdownTable(heads, rows);
}

function shown(value: number, digits: number, unit = ''): string {
  return Number.isNaN(value) ? '' : `${value.toFixed(digits)}${unit}`;
}
