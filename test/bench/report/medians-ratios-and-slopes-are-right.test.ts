import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leastSquares, median, medianAbsoluteDeviation, quantile, ratios, summary } from './statistics.ts';

test('a median does not depend on order, and of an even number is the mean of the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 2, 100, 4]), 7);
  assert.ok(Number.isNaN(median([])));
  assert.equal(summary([]), undefined);
  assert.deepEqual(summary([3, 1, 20]), { median: 3, min: 1, max: 20, count: 3 });
});

test('one outlier does not move the spread', () => {
  assert.equal(medianAbsoluteDeviation([10, 11, 9, 10, 1000]), 1);
});

test('a quantile is one of the values', () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.equal(quantile(values, 0.5), 50);
  assert.equal(quantile(values, 0.99), 99);
  assert.equal(quantile([7], 0.99), 7);
});

test('ratios go round by round, so that what slows a whole round cancels', () => {
  assert.deepEqual(ratios([10, 100, 10], [20, 200, 20]), [0.5, 0.5, 0.5]);
});

test('a round that one of the two has not, or whose divisor is no cost, is left out', () => {
  assert.deepEqual(ratios([10, undefined, 30, 40], [20, 20, undefined, -1]), [0.5]);
});

test('the slope of a straight line is exact and has no error; noise gives it one', () => {
  const exact = leastSquares([1, 2, 5, 10].map((x) => [x, 3 + 2 * x] as const));
  assert.ok(Math.abs(exact.slope - 2) < 1e-9 && Math.abs(exact.intercept - 3) < 1e-9 && exact.standardError < 1e-6);
  // By hand: slope 0.9, squares of the distances 0.7, of x around its mean 5.
  const noisy = leastSquares([
    [1, 1],
    [2, 3],
    [3, 3],
    [4, 4],
  ]);
  assert.ok(Math.abs(noisy.slope - 0.9) < 1e-9);
  assert.ok(Math.abs(noisy.standardError - Math.sqrt(0.7 / 2 / 5)) < 1e-9);
});
