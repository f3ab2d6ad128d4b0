import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summary } from './report.ts';
import { runChaos } from './run-chaos.ts';

const seed = process.env.SLUICE_CHAOS_SEED ?? 'sluice';
const only = process.env.SLUICE_CHAOS_ONLY === undefined ? undefined : Number(process.env.SLUICE_CHAOS_ONLY);
const exchanges = Number(process.env.SLUICE_CHAOS_EXCHANGES ?? 1000);

test('a thousand exchanges with faults of every kind at once keep the laws and leave nothing behind', async (t) => {
  const { report, violations } = await runChaos({ t, seed, exchanges, lanes: 500, only });
  console.log(`seed ${seed}\n${report}`);
  assert.equal(violations.length, 0, `\n${violations.slice(0, 20).join('\n')}\n${summary(violations)}`);
});
