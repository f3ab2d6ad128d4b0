import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Scope } from '../support/close-after.ts';
import { hazards } from './all.ts';
import { type Hazard, type Target, within } from './hazard.ts';
import { nativePass } from './native-target.ts';
import { sluice } from './sluice-target.ts';

/** What hangs is given up after so long; the second try of what should pass has longer, on a busy machine. */
const patience = { first: 2_000, second: 10_000 };

/** Runs a hazard and cleans up; says why it was not stood. */
async function outcome<T extends Target>(
  { run }: Hazard,
  make: (scope: Scope) => T,
  milliseconds: number,
): Promise<string> {
  const closers: (() => unknown)[] = [];
  const target = make({ after: (close) => void closers.push(close) });
  const said = await within(milliseconds, 'the end of the hazard', run(target)).then(
    () => 'stands',
    (error: unknown) => String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '',
  );
  for (const close of closers.reverse()) await close();
  if (said === 'stands') return said;
  return 'died' in target && target.died === true ? 'the process dies' : said;
}

test('the native pass of http-proxy-3 fails the hazards that say so, and no others', {
  timeout: 300_000,
}, async (t) => {
  const rows: { hazard: Hazard; ours: string; native: string }[] = [];
  const queue = [...hazards];
  const worker = async () => {
    for (let hazard = queue.shift(); hazard !== undefined; hazard = queue.shift()) {
      const ours = await outcome(hazard, sluice, patience.second);
      let native = await outcome(hazard, nativePass, patience.first);
      if (native !== 'stands' && hazard.native === 'passes') {
        native = await outcome(hazard, nativePass, patience.second);
      }
      rows.push({ hazard, ours, native });
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));

  rows.sort((a, b) => hazards.indexOf(a.hazard) - hazards.indexOf(b.hazard));
  for (const { hazard, ours, native } of rows) {
    const cell = (said: string) => (said === 'stands' ? 'stands' : `FAILS (${said.slice(0, 60)})`);
    t.diagnostic(`${hazard.name.padEnd(76)} | ${cell(ours).padEnd(8)} | ${cell(native)}`);
  }
  const failing = rows.filter(({ native }) => native !== 'stands');
  t.diagnostic(`the native pass stands ${rows.length - failing.length} of ${rows.length}`);
  assert.deepEqual(
    failing.map(({ hazard }) => hazard.name),
    hazards.filter(({ native }) => native === 'fails').map(({ name }) => name),
  );
});
