import { describe, it } from 'node:test';
import { checkSchedules } from './schedules.ts';
import { stores } from './stores.ts';

describe('10,000 random schedules never exceed the limit in any window, nor are refused a slot too long', () => {
  for (const [name, open] of Object.entries(stores)) {
    it(`with the ${name} store`, async (t) => {
      const clock = { now: 1_800_000_000_000 };
      await checkSchedules(await open(t, clock), clock, 10_000);
    });
  }
});
