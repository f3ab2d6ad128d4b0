/** Points with the straight line through them, one small plot for each curve, as SVG. */
import { leastSquares } from './statistics.ts';
import { escaped, svg } from './svg.ts';

/** One curve. */
export interface LinePlot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Numbers that grow tenfold at a time need a logarithmic axis. */
  readonly logX?: boolean;
}

const WIDTH = 380;
const HEIGHT = 230;
const LEFT = 52;
const RIGHT = 16;
const TOP = 34;
const BOTTOM = 40;
const STEPS = 40;

/** Plots in two columns. The y axis begins at zero, so that what is flat looks flat. */
export function linesSvg(title: string, plots: readonly LinePlot[]): string {
  const columns = Math.min(2, plots.length);
  const parts = plots.map((plot, i) => {
    const place = `translate(${(i % columns) * WIDTH} ${Math.floor(i / columns) * HEIGHT})`;
    return `<g transform="${place}">${onePlot(plot)}</g>`;
  });
  return svg(WIDTH * columns, HEIGHT * Math.ceil(plots.length / columns), title, parts);
}

function onePlot({ title, x: xLabel, y: yLabel, points, logX = false }: LinePlot): string {
  const along = (x: number) => (logX ? Math.log10(Math.max(x, 0.5)) : x);
  const xs = points.map(([x]) => x);
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const high = niceAbove(Math.max(...points.map(([, y]) => y)));
  const span = along(most) - along(least) || 1;
  const px = (x: number) => LEFT + ((along(x) - along(least)) / span) * (WIDTH - LEFT - RIGHT);
  const py = (y: number) => HEIGHT - BOTTOM - (Math.max(0, y) / high) * (HEIGHT - TOP - BOTTOM);
  const at = ([x, y]: readonly [number, number]) => `${px(x).toFixed(1)} ${py(y).toFixed(1)}`;
  const grid = [0, 0.5, 1].map((share) => {
    const y = py(high * share).toFixed(1);
    const label = `<text class="quiet" x="${LEFT - 6}" y="${Number(y) + 4}" text-anchor="end">${short(high * share)}</text>`;
    return `<path class="grid" d="M${LEFT} ${y}H${WIDTH - RIGHT}"/>${label}`;
  });
  const parts = [
    `<text class="title" x="8" y="20">${escaped(title)}</text>`,
    ...grid,
    `<path class="axis" d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}"/>`,
    fitted(points, along, least, most, logX, at),
    `<path class="line" d="M${points.map(at).join('L')}"/>`,
    ...points.map(([x, y]) => `<circle class="dot" cx="${px(x).toFixed(1)}" cy="${py(y).toFixed(1)}" r="3"/>`),
    `<text class="quiet" x="${LEFT}" y="${HEIGHT - BOTTOM + 16}" text-anchor="start">${short(least)}</text>`,
    `<text class="quiet" x="${WIDTH - RIGHT}" y="${HEIGHT - BOTTOM + 16}" text-anchor="end">${short(most)}</text>`,
    `<text class="quiet" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escaped(`${xLabel} → ${yLabel}`)}</text>`,
  ];
  return parts.join('\n');
}

/** The line of least squares, which is bent where the axis is logarithmic. */
function fitted(
  points: LinePlot['points'],
  along: (x: number) => number,
  least: number,
  most: number,
  logX: boolean,
  at: (point: readonly [number, number]) => string,
): string {
  if (points.length < 2 || least === most) return '';
  const { intercept, slope } = leastSquares(points);
  const path = Array.from({ length: STEPS + 1 }, (_, i) => {
    const t = along(least) + ((along(most) - along(least)) * i) / STEPS;
    const x = logX ? 10 ** t : t;
    return at([x, intercept + slope * x]);
  });
  return `<path class="fit" d="M${path.join('L')}"/>`;
}

/** The next number of 1, 2, 2.5, 5 and 10 times a power of ten. */
export function niceAbove(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return (([1, 2, 2.5, 5].find((step) => step * power >= value) ?? 10) as number) * power;
}

/** 1500 → 1.5k. */
export function short(value: number): string {
  const [number, unit] = value >= 1e6 ? [value / 1e6, 'M'] : value >= 1e4 ? [value / 1e3, 'k'] : [value, ''];
  return `${Number(number.toPrecision(unit === '' ? 4 : 3))}${unit}`;
}
