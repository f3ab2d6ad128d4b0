/** The few numbers that stand for many. */

/** The middle of some numbers and how far they spread. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** Of no numbers at all: NaN. The median of an even number of them is the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** See {@link Summary}; undefined of no numbers. */
export function summary(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), count: values.length };
}

/** The median distance from the median: a spread that single outliers do not move. */
export function medianAbsoluteDeviation(values: readonly number[]): number {
  const middle = median(values);
  return median(values.map((value) => Math.abs(value - middle)));
}

/** The value at a share (0.99) of sorted values, by nearest rank. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/**
 * The ratios of two lists, round by round: what made a whole round slow is in both and cancels. Rounds that one of them
 * has not, and those without a positive divisor, are left out.
 */
export function ratios(of: readonly (number | undefined)[], to: readonly (number | undefined)[]): number[] {
  const all: number[] = [];
  of.forEach((value, round) => {
    const divisor = to[round];
    if (value !== undefined && divisor !== undefined && divisor > 0) all.push(value / divisor);
  });
  return all;
}

/** A straight line through points, by least squares. */
export interface Line {
  readonly intercept: number;
  readonly slope: number;
  /** Of the slope, as if the distances from the line were independent of each other. */
  readonly standardError: number;
}

/** See {@link Line}. Needs two points that do not lie above each other; with only two the error is NaN. */
export function leastSquares(points: readonly (readonly [x: number, y: number])[]): Line {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const sumXX = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / sumXX;
  const intercept = meanY - slope * meanX;
  const squares = points.reduce((sum, [x, y]) => sum + (y - intercept - slope * x) ** 2, 0);
  return { intercept, slope, standardError: Math.sqrt(squares / (n - 2) / sumXX) };
}
