/** The bounds that Sluice means to keep, and whether a run shows them. */
import { names } from '../line-up.ts';
import type { Measure, Result, Results } from './results.ts';
import { median } from './statistics.ts';
import { ratioOf } from './table.ts';

/** One bound. */
export interface Shown {
  readonly what: string;
  /** NaN: not measured. */
  readonly value: number;
  readonly bound: number;
  /** What would be better still. */
  readonly stretch?: number;
}

/** All bounds with what was measured. Ratios are medians of each round's. */
export function shows({ contenders, ready }: Results): Shown[] {
  const find = (name: string) => contenders.find((one) => one.name === name);
  const ratio = (what: string, of: string, to: string, measure: Measure, bound: number, stretch?: number): Shown => ({
    what: `${what}, ${of} to ${to}`,
    value: ratioOf(find(of), find(to), measure) ?? Number.NaN,
    bound,
    ...(stretch === undefined ? {} : { stretch }),
  });
  const memory = (what: string, name: string, pick: (of: Result['memory']) => readonly number[], unit: number) =>
    ({ what: `${what}, ${name}`, value: median(pick(find(name)?.memory ?? none)) / unit }) as const;
  const { a, b, c, httpProxy3, nginx, undiciPass, tcpRelay } = names;
  return [
    ratio('CPU a request', b, httpProxy3, 'request', 0.6),
    ratio('CPU a request', b, nginx, 'request', 5),
    ratio('CPU a request', a, httpProxy3, 'request', 0.5),
    ratio('CPU a request', c, httpProxy3, 'request', 0.85),
    ratio('CPU an event', b, httpProxy3, 'chunk', 0.9),
    ratio('CPU an event', b, undiciPass, 'chunk', 1.05),
    // A wish only.
    ratio('CPU an event', b, tcpRelay, 'chunk', Number.POSITIVE_INFINITY, 1.3),
    ratio('added TTFT p50', b, httpProxy3, 'ttft50', 1),
    ratio('added TTFT p99', b, httpProxy3, 'ttft99', 1),
    ratio('added TTFT p50', b, nginx, 'ttft50', Number.POSITIVE_INFINITY, 2),
    ratio('added TTFT p99', b, nginx, 'ttft99', Number.POSITIVE_INFINITY, 2),
    { ...memory('idle MB', a, ({ idle }) => idle, 1e6), bound: 75 },
    { ...memory('idle MB', b, ({ idle }) => idle, 1e6), bound: 95 },
    { ...memory('KB a stream at 5,000', b, (of) => of.perStreamAt5000, 1e3), bound: 40, stretch: 30 },
    ...ready.flatMap(({ name, medianMs: value }): Shown[] => {
      const what = `ms to ready, ${name}`;
      if (name.startsWith('tracing off')) return [{ what, value, bound: 180, stretch: 150 }];
      return name.startsWith('tracing on') ? [{ what, value, bound: 250 }] : [];
    }),
  ];
}

const none: Result['memory'] = { idle: [], perStreamAt1000: [], perStreamAt5000: [], readyMs: [] };

/** A list in Markdown. */
export function shownList(all: readonly Shown[]): string {
  return all
    .map(({ what, value, bound, stretch }) => {
      if (Number.isNaN(value)) return `- not measured: ${what}`;
      const wish = stretch === undefined ? '' : `stretch ${stretch} ${value <= stretch ? 'reached' : 'not reached'}`;
      const limit = Number.isFinite(bound) ? `bound ${bound}` : '';
      const word = Number.isFinite(bound) ? (value <= bound ? 'shown' : '**missed**') : 'no bound';
      return `- ${word}: ${what}: ${format(value)} (${[limit, wish].filter((one) => one !== '').join(', ')})`;
    })
    .join('\n');
}

function format(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(0);
}
