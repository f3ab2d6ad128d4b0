import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import type { Scope } from '../support/close-after.ts';
import { hazards } from './all.ts';
import { type Hazard, type Target, within } from './hazard.ts';
import { endNativeProcesses, type NativeTarget, nativePass } from './native-target.ts';
import { sluice } from './sluice-target.ts';

/** What hangs is given up after so long; what should be stood is tried again for longer, on a busy machine. */
const patience = { first: 1_000, second: 10_000 };

/** Runs a hazard and cleans up: `stands`, or why not. The time that the target takes to start does not count. */
async function outcome(
  hazard: Hazard,
  make: (scope: Scope) => Target | NativeTarget,
  milliseconds: number,
): Promise<string> {
  const closers: (() => unknown)[] = [];
  const target = make({ after: (close) => void closers.push(close) });
  const started = Promise.withResolvers<void>();
  const start: Target['start'] = async (upstream, options) => {
    const url = await target.start(upstream, options);
    started.resolve();
    return url;
  };
  const { name, scope } = target;
  const end = hazard.run({ name, scope, start });
  const said = await Promise.race([end, started.promise])
    .then(() => within(milliseconds, 'its end', end))
    .then(
      () => 'stands',
      (error: unknown) => String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '',
    );
  const died = 'died' in target && target.died;
  if ('release' in target) target.release(said === 'stands');
  for (const close of closers.reverse()) await close();
  return died ? 'the process dies' : said;
}

suite('the native pass of http-proxy-3 fails what it is said to fail, and no more:', { concurrency: 6 }, () => {
  const rows = new Map<Hazard, { ours: string; native: string }>();
  for (const hazard of hazards) {
    test(hazard.name, { timeout: 50_000 }, async () => {
      const ours = await outcome(hazard, sluice, patience.second);
      let native = await outcome(hazard, nativePass, patience.first);
      for (let tries = 0; tries < 2 && native !== 'stands' && hazard.native === 'passes'; tries++) {
        native = await outcome(hazard, nativePass, patience.second);
      }
      rows.set(hazard, { ours, native });
      assert.equal(native === 'stands' ? 'passes' : 'fails', hazard.native, native);
    });
  }

  after(() => {
    endNativeProcesses();
    const cell = (said = '?') => (said === 'stands' ? said : `FAILS: ${said.slice(0, 60)}`);
    for (const hazard of hazards) {
      const { ours, native } = rows.get(hazard) ?? {};
      console.log(`${hazard.name.padEnd(90)} | ${cell(ours)} | ${cell(native)}`);
    }
    const count = (side: 'ours' | 'native') => [...rows.values()].filter((row) => row[side] === 'stands').length;
    console.log(`of ${hazards.length} hazards Sluice stands ${count('ours')}, the native pass ${count('native')}`);
  });
});
