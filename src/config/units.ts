/** The written forms of durations, sizes and shares, read into numbers and back. */

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const bytes: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** The longest duration: Node's timers fire at once above it (2^31-1 ms, 24.8 days). */
export const MAX_DURATION = 2 ** 31 - 1;

/** Reads `250ms`, `1.5s`, `2m`, `1h` or `0` into whole milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (/^0+$/.test(text)) return 0;
  const [, number, unit] = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)$/.exec(text) ?? [];
  return whole(number, milliseconds[unit ?? '']);
}

/** Writes milliseconds in the largest unit that loses nothing: `90s`, `2m`, `250ms`; `0` for none. */
export function formatDuration(ms: number): string {
  return ms === 0 ? '0' : written(ms, milliseconds);
}

/** Reads `512`, `64KiB`, `1.5MiB` or `1GiB` into whole bytes; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,15}(?:\.\d{1,6})?)(B|KiB|MiB|GiB)?$/.exec(text) ?? [];
  return whole(number, bytes[unit ?? 'B']);
}

/** Writes bytes in the largest unit that loses nothing: `64KiB`, `1MiB`, `1000B`. */
export function formatSize(size: number): string {
  return size === 0 ? '0' : written(size, bytes);
}

/** Reads `100%` or `2.5%` into a fraction from 0 to 1; undefined for anything else. */
export function parsePercent(text: string): number | undefined {
  const [, number] = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text) ?? [];
  const share = Number(number) / 100;
  return share >= 0 && share <= 1 ? share : undefined;
}

/** Writes a fraction as a share: `2.5%`. */
export function formatPercent(share: number): string {
  return `${Number((share * 100).toFixed(6))}%`;
}

/** Fractions that make no whole unit are refused rather than rounded. */
function whole(number: string | undefined, factor: number | undefined): number | undefined {
  if (number === undefined || factor === undefined) return undefined;
  const value = Number(number) * factor;
  const rounded = Math.round(value);
  // 0.1h is not quite 360000 in binary.
  return Math.abs(value - rounded) < 1e-6 && Number.isSafeInteger(rounded) ? rounded : undefined;
}

function written(value: number, units: Readonly<Record<string, number>>): string {
  const [unit, factor] = Object.entries(units).findLast(([, size]) => value % size === 0) ?? ['', 1];
  return `${value / factor}${unit}`;
}
