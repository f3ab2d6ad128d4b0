import { test } from 'node:test';
import { judgedRun } from './judged-run.ts';

test('a thousand exchanges with faults of every kind at once keep the laws and leave nothing behind', async (t) => {
  await judgedRun(t, { exchanges: 1000, lanes: 500, seed: 'sluice' });
});
