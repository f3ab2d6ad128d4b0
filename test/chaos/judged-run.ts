/** A run as a test: prints its seed and its table, and fails with the scripts of what broke a law. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { Scope } from '../support/close-after.ts';
import { summary } from './report.ts';
import { runChaos } from './run-chaos.ts';

/** Most violations told with all that is known of them. */
const told = Number(process.env.SLUICE_CHAOS_TOLD ?? 20);

/**
 * Runs `exchanges` of them. `SLUICE_CHAOS_SEED` chooses the seed (default `seed`, or a new one), `SLUICE_CHAOS_ONLY` plays
 * one index alone.
 */
export async function judgedRun(t: Scope, options: { exchanges: number; lanes: number; seed?: string }): Promise<void> {
  const { SLUICE_CHAOS_SEED, SLUICE_CHAOS_ONLY } = process.env;
  const seed = SLUICE_CHAOS_SEED ?? options.seed ?? String(randomInt(1e9));
  const only = SLUICE_CHAOS_ONLY === undefined ? undefined : Number(SLUICE_CHAOS_ONLY);
  console.log(`SLUICE_CHAOS_SEED=${seed}`);
  const { report, violations } = await runChaos({ t, ...options, seed, only });
  console.log(`${report}\nviolations of laws and leaks: ${violations.length}`);
  const rest = violations.length > told ? `\n… and ${violations.length - told} more` : '';
  assert.equal(violations.length, 0, `\n${violations.slice(0, told).join('\n')}${rest}\n\n${summary(violations)}\n`);
}
