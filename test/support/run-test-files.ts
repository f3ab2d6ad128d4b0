import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

/** What became of a run. */
export interface Tally {
  passed: number;
  failed: number;
  /** Skipped and todo: what was not tested. */
  skipped: number;
  /** One line for each reason besides failed tests why the run is not good. */
  readonly complaints: string[];
}

/** What to run and how. */
export interface RunOptions {
  readonly files: readonly string[];
  readonly grep: string | undefined;
  readonly concurrency: number;
  /** The most that one test may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Aborted to kill the test processes. */
  readonly signal: AbortSignal;
  /** Where the report goes. */
  readonly output: NodeJS.WritableStream;
}

/** How long after the last test may have timed out nothing may happen before a test file counts as hung. */
const GRACE_MS = 30_000;

/** Runs test files, each in a process of its own, reports while they run, and counts. Never rejects for a failed test. */
export async function runTestFiles(options: RunOptions): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, complaints: [] };
  const running = new Set<string>();
  const files = new Set(options.files);
  const hung = new AbortController();
  const stream = run({
    files: [...files],
    concurrency: options.concurrency,
    timeout: options.timeoutMs,
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    execArgv: ['--import', 'tsx'],
    signal: AbortSignal.any([options.signal, hung.signal]),
    ...(options.grep === undefined ? {} : { testNamePatterns: new RegExp(options.grep) }),
  });
  // A file whose tests are done but which keeps something open never ends by itself, and the run with it.
  const watchdog = setTimeout(() => {
    tally.complaints.push(`did not end, something is still open or busy: ${[...running].join(', ')}`);
    hung.abort();
  }, options.timeoutMs + GRACE_MS);
  const isFile = (data: { name: string; nesting: number }) => data.nesting === 0 && files.has(data.name);
  stream.on('data', () => watchdog.refresh());
  stream.on('test:dequeue', (data) => isFile(data) && running.add(data.name));
  stream.on('test:complete', (data) => isFile(data) && running.delete(data.name));
  stream.on('test:pass', (data) => {
    if (data.details.type === 'suite') return;
    if (isFile(data)) {
      // A file without a test is reported as a test that passed.
      if (options.grep === undefined) tally.complaints.push(`has no test: ${data.name}`);
    } else if (data.skip !== undefined || data.todo !== undefined) {
      tally.skipped += 1;
      const why = data.skip ?? data.todo;
      tally.complaints.push(`was not run${typeof why === 'string' ? ` (${why})` : ''}: ${data.name}, ${data.file}`);
    } else {
      tally.passed += 1;
    }
  });
  stream.on('test:fail', (data) => {
    if (data.todo !== undefined) {
      tally.skipped += 1;
      tally.complaints.push(`is todo: ${data.name}, ${data.file}`);
    } else if (data.details.type !== 'suite' || failsByItself(data.details.error)) {
      tally.failed += 1;
    }
  });
  const report = stream.compose(new spec());
  report.pipe(options.output, { end: false });
  await finished(report);
  clearTimeout(watchdog);
  return tally;
}

// A suite fails with its tests, which are counted already, or because a hook of it threw, which is not.
function failsByItself(error: Error): boolean {
  return !('failureType' in error) || error.failureType !== 'subtestsFailed';
}
