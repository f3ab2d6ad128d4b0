/** Bars with their spread, one for each contender, as SVG. */
import { escaped, svg } from './svg.ts';

/** One bar. */
export interface Bar {
  readonly label: string;
  readonly kind: 'own' | 'base' | 'other';
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Bars below a title. */
export interface BarPlot {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LEFT = 210;
const RIGHT = 90;
const ROW = 22;
const HEAD = 34;

/**
 * Several plots below each other. A bar that is longer than three times the second longest would make all others unreadable:
 * it is cut, and says so.
 */
export function barsSvg(title: string, plots: readonly BarPlot[]): string {
  let y = 0;
  const parts = plots.flatMap(({ title: name, unit, bars }) => {
    const sorted = bars.map(({ median }) => median).sort((a, b) => b - a);
    const [longest = 1, second = longest] = sorted;
    const full = Math.min(longest, second * 3) || 1;
    const scale = (value: number) => (Math.min(value, full) / full) * (WIDTH - LEFT - RIGHT);
    const top = y;
    y += HEAD + bars.length * ROW + 12;
    return [
      `<text class="title" x="8" y="${top + 22}">${escaped(name)}</text>`,
      ...bars.map((bar, i) => barAt(bar, top + HEAD + i * ROW, unit, scale, full)),
    ];
  });
  return svg(WIDTH, y, title, parts);
}

function barAt(bar: Bar, y: number, unit: string, scale: (value: number) => number, full: number): string {
  const { label, kind, median, min, max } = bar;
  const width = scale(median);
  const middle = y + ROW / 2;
  const cut = median > full ? ' (cut)' : '';
  const from = (LEFT + scale(min)).toFixed(1);
  const to = (LEFT + scale(max)).toFixed(1);
  const end = Math.max(width, scale(max)) + LEFT + 6;
  return [
    `<text x="${LEFT - 8}" y="${middle + 4}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="${kind}" x="${LEFT}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW - 6}" rx="2"/>`,
    ...(cut === ''
      ? [`<path class="spread" d="M${from} ${middle}H${to}M${from} ${middle - 4}v8M${to} ${middle - 4}v8"/>`]
      : []),
    `<text class="quiet" x="${end.toFixed(1)}" y="${middle + 4}">${median.toFixed(median < 100 ? 1 : 0)} ${escaped(unit)}${cut}</text>`,
  ].join('');
}
