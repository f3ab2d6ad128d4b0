import { test } from 'node:test';
import { judgedRun } from './judged-run.ts';

test('twenty thousand exchanges with faults keep the laws and leave nothing behind, whatever the seed', async (t) => {
  await judgedRun(t, { exchanges: 20_000, lanes: 600 });
});
