import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coresAmong, numbersOf } from './cores.ts';

test("Linux's lists of CPUs are read", () => {
  assert.deepEqual(numbersOf('0-3,8'), [0, 1, 2, 3, 8]);
  assert.deepEqual(numbersOf('5'), [5]);
});

test('the contender gets no hyperthread of the core of the others', () => {
  const siblingsOf = (cpu: number) => [cpu % 2, (cpu % 2) + 2];
  assert.deepEqual(coresAmong([0, 1, 2], siblingsOf), { contender: 1, others: 0, shareACore: false });
});

test('where all CPUs are one core, that is said', () => {
  assert.deepEqual(
    coresAmong([4, 5], () => [4, 5]),
    { contender: 5, others: 4, shareACore: true },
  );
});

test('one CPU is not enough', () => {
  assert.throws(() => coresAmong([3], () => [3]), /needs two CPUs/);
});
