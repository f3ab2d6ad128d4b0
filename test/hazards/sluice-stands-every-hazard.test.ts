import { type TestContext, test } from 'node:test';
import { hazards } from './all.ts';
import { sluice } from './sluice-target.ts';

for (const { name, run } of hazards) {
  test(name, { timeout: 10_000 }, (t: TestContext) => run(sluice(t)));
}
