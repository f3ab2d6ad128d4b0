import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import bounds from './bounds.json' with { type: 'json' };
import type { Running } from './contenders/contender.ts';
import { buildSluice } from './contenders/sluice.ts';
import { withinBound } from './guard.ts';
import { interleave } from './interleave.ts';
import { lineUp, names } from './line-up.ts';
import { cpuPerChunkApart, cpuPerRequest, warmUp } from './measures.ts';
import { ratios } from './report/statistics.ts';
import { type Bench, withBench } from './setting.ts';

/**
 * Sets of fresh processes: two of the very same program differ, by what the compiler made of them, and that must be in the
 * spread.
 */
const SETS = 3;
/** Of each set. */
const ROUNDS = 3;
const taking = { [names.a]: 'a', [names.b]: 'b', [names.httpProxy3]: 'base' } as const;
type Name = (typeof taking)[keyof typeof taking];
type Costs = Record<Name, number[]>;

const measured: { request: Costs; chunk: Costs } = {
  request: { a: [], b: [], base: [] },
  chunk: { a: [], b: [], base: [] },
};

// One run for all tests: http-proxy-3 is measured in each round beside Sluice, and CPU time is what is compared, so that
// a busy machine changes both alike.
before(
  () =>
    withBench(async (bench) => {
      await buildSluice();
      for (let set = 0; set < SETS; set++) await measureSet(bench);
    }),
  { timeout: 300_000 },
);

for (const kind of ['request', 'chunk'] as const) {
  for (const which of ['a', 'b'] as const) {
    test(`CPU for a ${kind}, Sluice (${which}) to bare http-proxy-3, is within its bound`, (t) => {
      const { holds, why } = withinBound(ratios(measured[kind][which], measured[kind].base), bounds[kind][which]);
      t.diagnostic(why);
      assert.ok(holds, why);
    });
  }
}

after(() => {
  // A run that measured nothing would pass no test, and must not hold the process either.
  assert.equal(measured.request.base.length, SETS * ROUNDS);
});

async function measureSet(bench: Bench): Promise<void> {
  const { processes } = bench;
  const all: { name: Name; running: Running }[] = [];
  for (const contender of lineUp(bench)) {
    const name = taking[contender.name as keyof typeof taking];
    if (name === undefined) continue;
    const running = await processes.startContender(contender);
    await warmUp(processes, running, 4000);
    all.push({ name, running });
  }
  // Rare enough that events of a stream do not pile up where others keep the core from the contender for a while.
  const load = { streams: 100, intervalMs: 25, windowMs: 600 };
  await interleave(all, ROUNDS, async ({ name, running }) => {
    await warmUp(processes, running, 1000);
    measured.request[name].push((await cpuPerRequest(processes, running, 5000)).micros);
    measured.chunk[name].push((await cpuPerChunkApart(processes, running, load)).micros);
  });
  for (const { running } of all) await processes.end(running.pid);
}
