import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFuzz } from './run-fuzz.ts';

/**
 * Declares the test of so many mutated requests. `SLUICE_FUZZ_SEED` takes the place of its seed, `SLUICE_FUZZ_ONLY`
 * replays the one case of that index.
 */
export function fuzzTest(count: number, seed: number): void {
  const given = process.env.SLUICE_FUZZ_SEED;
  const only = process.env.SLUICE_FUZZ_ONLY;
  test(`${count} mutated requests: nothing reaches the upstream that another parser would count differently`, async (t) => {
    const result = await runFuzz({
      seed: given === undefined ? seed : Number(given),
      count,
      only: only === undefined ? undefined : Number(only),
    });
    for (const line of result.report) t.diagnostic(line);
    assert.ok(result.violations.length === 0, `\n${result.violations.join('\n\n')}`);
    assert.equal(result.cases, only === undefined ? count : 1);
    const { attempts, answeredAttempts, arrived, readByNode } = result.totals;
    assert.equal(arrived, readByNode, "our parser and Node's read the same number of requests at the upstream");
    assert.ok(answeredAttempts <= arrived && arrived <= attempts, `${answeredAttempts} <= ${arrived} <= ${attempts}`);
    assert.ok(only !== undefined || arrived > count / 10, 'enough of them are good enough to go on');
    assert.equal(result.activeRequests, 0);
    assert.ok(result.heapGrowth < 32 * 2 ** 20, `the heap grew by ${result.heapGrowth} bytes`);
  });
}
