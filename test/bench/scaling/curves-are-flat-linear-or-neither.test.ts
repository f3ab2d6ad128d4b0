import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shapeOf } from './shape.ts';

const of = (xs: readonly number[], y: (x: number) => number) => shapeOf(xs.map((x) => [x, y(x)] as const));
const decades = [1, 10, 100, 1000, 10_000];

test('what does not grow is flat, a little noise or not', () => {
  assert.equal(of(decades, () => 100).kind, 'flat');
  assert.equal(of(decades, (x) => (x === 100 ? 104 : 100)).kind, 'flat');
});

test('what grows evenly is linear, with its slope', () => {
  const { kind, slope } = of([0, 5, 10, 20], (x) => 100 + 3 * x);
  assert.equal(kind, 'linear');
  assert.ok(Math.abs(slope - 3) < 1e-9);
});

test('what grows with the square is neither', () => {
  assert.equal(of([0, 5, 10, 20], (x) => 10 + x * x).kind, 'neither');
});

test('a hump in the middle is not flat, though its line is', () => {
  assert.equal(of([1, 2, 3, 4, 5], (x) => (x === 3 ? 200 : 100)).kind, 'neither');
});
