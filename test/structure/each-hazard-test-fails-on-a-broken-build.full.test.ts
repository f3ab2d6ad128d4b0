import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brokenEnvironment, brokenSource } from '../support/broken-build.ts';
import { type BrokenBuild, brokenBuilds } from './broken-builds.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** How many test processes at a time. */
const concurrency = 2;
/** What a test of a child may take; on a broken build one that waits for what never comes takes all of it. */
const timeoutMs = { sound: 60_000, broken: 30_000, hanging: 5_000 };

type Scope = { readonly signal: AbortSignal };

interface Run {
  readonly code: number | null;
  readonly passed: number;
  readonly failed: number;
  readonly timedOut: number;
  readonly output: string;
}

/** Runs a test file in a process of its own: `test` as in the table. */
async function runTestFile(row: Pick<BrokenBuild, 'test' | 'name'>, env: NodeJS.ProcessEnv, timeout: number, t: Scope) {
  const { test, name } = row;
  const names = name === undefined ? [] : [`--test-name-pattern=${name}`];
  // A broken build may leave anything open, and may never do what a test waits for.
  const options = [
    '--test',
    '--test-isolation=none',
    '--test-reporter=tap',
    '--test-force-exit',
    `--test-timeout=${timeout}`,
  ];
  const child = spawn(process.execPath, ['--import', 'tsx', ...options, ...names, `test/${test}.test.ts`], {
    cwd: root,
    // The runner of this very test must not take the child for one of its own.
    env: { ...env, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: t.signal,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((done, fail) => child.once('close', done).once('error', fail));
  const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  const run: Run = { code, passed: count('pass'), failed: count('fail'), timedOut: count('cancelled'), output };
  return run;
}

describe('the sound build', { concurrency }, () => {
  for (const file of new Set(brokenBuilds.map((row) => row.test))) {
    test(`passes ${file}`, async (t) => {
      const run = await runTestFile({ test: file }, process.env, timeoutMs.sound, t);
      assert.ok(run.code === 0 && run.passed > 0 && run.failed + run.timedOut === 0, run.output);
    });
  }
});

describe('a broken build', { concurrency }, () => {
  for (const row of brokenBuilds) {
    test(`fails ${row.test}: ${row.why}`, async (t) => {
      brokenSource(row); // says what is wrong with the row itself
      const run = await runTestFile(
        row,
        brokenEnvironment(row),
        timeoutMs[row.hangs === true ? 'hanging' : 'broken'],
        t,
      );
      assert.ok(run.code !== 0, `it passes all the same:\n${run.output}`);
      const seen = row.hangs === true ? run.timedOut : run.failed;
      assert.ok(
        seen > 0,
        `no test has ${row.hangs === true ? 'hung' : 'failed'}, the process broke in another way:\n${run.output}`,
      );
    });
  }
});
