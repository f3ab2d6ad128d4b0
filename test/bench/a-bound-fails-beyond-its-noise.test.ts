import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withinBound } from './guard.ts';

const around = (middle: number, spread: number) => [-1, 1, -0.5, 0.5, 0, 0.8, -0.8].map((one) => middle + one * spread);

test('a cost below its bound holds', () => {
  assert.equal(withinBound(around(0.5, 0.02), 0.6).holds, true);
});

test('a cost that is above it in quiet rounds fails', () => {
  const { holds, why } = withinBound(around(0.7, 0.01), 0.6);
  assert.equal(holds, false);
  assert.match(why, /0\.700 ± 0\.0\d+ against 0\.6 \(/);
});

test('the same cost holds when its rounds are so noisy that it may as well be below', () => {
  assert.equal(withinBound(around(0.7, 0.2), 0.6).holds, true);
});

test('no noise hides a cost that is a third above its bound', () => {
  assert.equal(withinBound(around(0.8, 0.8), 0.6).holds, false);
});

test('one round that somebody else has ruined changes nothing', () => {
  assert.equal(withinBound([...around(0.5, 0.01), 50], 0.6).holds, true);
  assert.equal(withinBound([...around(0.7, 0.01), 0.001], 0.6).holds, false);
});

test('too few rounds are no proof', () => {
  assert.equal(withinBound([0.1, 0.1, 0.1, 0.1], 0.6).holds, false);
  assert.equal(withinBound([], 0.6).holds, false);
});
