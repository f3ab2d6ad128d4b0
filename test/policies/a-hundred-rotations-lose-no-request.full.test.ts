import { test } from 'node:test';
import { rotateUnderLoad } from './rotate-under-load.ts';

test('a hundred rotations under load: no request with an old key two seconds after, none fails', (t) =>
  rotateUnderLoad(t, 100));
