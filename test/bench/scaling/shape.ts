/** What kind of growth a curve is. */
import { leastSquares } from '../report/statistics.ts';

/** One curve's points with the straight line through them. */
export interface Shape {
  /**
   * `flat`: over the whole range the line rises by less than a tenth of its begin, or than the points stray from it.
   * `linear`: the points lie on the line. `neither`: they do not.
   */
  readonly kind: 'flat' | 'linear' | 'neither';
  readonly slope: number;
  readonly intercept: number;
  readonly standardError: number;
}

/** A tenth of a cost is what two processes of the same program differ by. */
const TOLERANCE = 0.1;

/** See {@link Shape}. `points` in the order of x. */
export function shapeOf(points: readonly (readonly [x: number, y: number])[]): Shape {
  const { slope, intercept, standardError } = leastSquares(points);
  const [least = 0] = points[0] ?? [];
  const [most = 0] = points.at(-1) ?? [];
  const begin = intercept + slope * least;
  const rise = slope * (most - least);
  const strays = points.map(([x, y]) => Math.abs(y - intercept - slope * x));
  const ys = points.map(([, y]) => y);
  const highest = Math.max(...ys);
  // A line may be flat only where the points between its ends are, too.
  const even = highest - Math.min(...ys) <= 2 * TOLERANCE * Math.abs(begin);
  const flat = Math.abs(rise) <= TOLERANCE * Math.abs(begin) && even;
  const linear = strays.every((stray) => stray <= TOLERANCE * highest);
  return { kind: flat ? 'flat' : linear ? 'linear' : 'neither', slope, intercept, standardError };
}
