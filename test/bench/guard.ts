/** Decides whether a cost is within its committed bound, given the noise of the run that measured it. */
import { median, medianAbsoluteDeviation } from './report/statistics.ts';

/** What was found. */
export interface Verdict {
  readonly holds: boolean;
  readonly median: number;
  /** What the median may be off by. */
  readonly noise: number;
  /** In one sentence. */
  readonly why: string;
}

/** A normal distribution's standard deviation is so many times its median absolute deviation. */
const SIGMA = 1.4826;
/** The standard error of a median is so many times that of a mean. */
const MEDIAN_ERROR = 1.2533;
/** Standard errors: by chance alone it fails in one of a thousand runs whose true cost is exactly the bound. */
const FACTOR = 3;
/** With fewer ratios the spread is a guess. */
const FEWEST = 5;

/**
 * A cost is above its bound only when it is so by more than its noise: else a busy machine would fail builds that are as
 * good as the last one. The noise is that of the median of the rounds' ratios, told from the ratios themselves: three standard
 * errors, by way of the median absolute deviation, which one disturbed round does not move. A cost that is far above
 * the bound fails however noisy the rounds are, since noise that wide is a failure of its own: it may take a quarter of
 * the bound at most.
 */
export function withinBound(ratios: readonly number[], bound: number): Verdict {
  if (ratios.length < FEWEST) {
    const why = `${ratios.length} rounds could be measured, ${FEWEST} are needed`;
    return { holds: false, median: Number.NaN, noise: Number.NaN, why };
  }
  const middle = median(ratios);
  const error = (MEDIAN_ERROR * SIGMA * medianAbsoluteDeviation(ratios)) / Math.sqrt(ratios.length);
  const noise = Math.min(FACTOR * error, bound / 4);
  const holds = middle - noise <= bound;
  const numbers = `${middle.toFixed(3)} ± ${noise.toFixed(3)} against ${bound} (${ratios.map((one) => one.toFixed(2)).join(', ')})`;
  return { holds, median: middle, noise, why: holds ? numbers : `above its bound by more than its noise: ${numbers}` };
}
