import test from 'node:test';
import { assertNothingLeaks } from './assert-nothing-leaks.ts';

test('600 exchanges of all kinds, faults and crashes included, show no secret where it does not belong', (t) =>
  assertNothingLeaks(t, 600));
