import { describe, it } from 'node:test';
import { checkSlotSchedules } from './slot-schedules.ts';
import { sides } from './slot-sides.ts';

const RUNS: Readonly<Record<string, number>> = { memory: 1000, redis: 60 };

/** Until everything due has come, or for so long that it never will. */
async function settle(due: () => boolean): Promise<void> {
  const patience = performance.now() + 2000;
  do await new Promise(setImmediate);
  while (!due() && performance.now() < patience);
}

describe('of random comings and goings never more than the limit run, and nobody waits in vain', () => {
  for (const [name, open] of Object.entries(sides)) {
    it(`with slots in ${name}`, { timeout: 50_000 }, async (t) => {
      await checkSlotSchedules(await open(t), RUNS[name] ?? 100, settle);
    });
  }
});
