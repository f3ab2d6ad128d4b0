/**
 * What `npm test` runs: type check, lint, and every `*.test.ts` with a real Redis.
 *
 *     npm test                                everything but the long suites
 *     npm run test:full                       only the long suites, `*.full.test.ts`
 *     npm test -- test/limits                 one folder or file, or several; no type check, no lint
 *     npm test -- --grep 'shared exactly'     only tests whose name matches
 *
 * It fails when a test failed, was skipped or is todo, and when no test ran.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findRedisServer, installRedisServer, type RunRedis, startRunRedis } from './support/redis-for-the-run.ts';
import { runTestFiles } from './support/run-test-files.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const stopping = new AbortController();

process.exitCode = await main();

async function main(): Promise<number> {
  if (Number.parseInt(process.versions.node, 10) < 24) {
    return complain(
      `The tests need Node 24 or newer and this is ${process.version}. \`npm ci\` brings the right one on Linux and ` +
        '`npm test` uses it; elsewhere install Node 24.',
    );
  }
  let args: Arguments;
  let files: string[];
  try {
    args = readArguments();
    files = selectFiles(args);
  } catch (error) {
    return complain(messageOf(error));
  }
  if (args.full && files.length === 0) {
    console.log('There is no test/**/*.full.test.ts yet.\n0 passed, 0 failed, 0 skipped');
    return 0;
  }
  let redis: RunRedis | undefined;
  const stop = (signal: 'SIGINT' | 'SIGTERM') => {
    stopping.abort();
    const exit = () => process.exit(signal === 'SIGINT' ? 130 : 143);
    (redis?.stop() ?? Promise.resolve()).then(exit, exit);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    redis = await provideRedis();
    const checked = args.selective || args.full ? true : await checkSources();
    return await runTests(files, args, checked);
  } catch (error) {
    return complain(messageOf(error));
  } finally {
    await redis?.stop();
  }
}

interface Arguments {
  readonly full: boolean;
  readonly grep: string | undefined;
  readonly paths: readonly string[];
  /** Only some tests were asked for. */
  readonly selective: boolean;
}

function readArguments(): Arguments {
  const { values, positionals } = parseArgs({
    options: { full: { type: 'boolean', default: false }, grep: { type: 'string' } },
    allowPositionals: true,
  });
  if (values.grep !== undefined) new RegExp(values.grep);
  const selective = positionals.length > 0 || values.grep !== undefined;
  return { full: values.full, grep: values.grep, paths: positionals, selective };
}

function selectFiles({ full, paths }: Arguments): string[] {
  const wanted = (file: string) => file.endsWith('.test.ts') && file.endsWith('.full.test.ts') === full;
  if (paths.length === 0) return filesBelow(join(root, 'test')).filter(wanted);
  return paths.flatMap((path) => {
    const absolute = resolve(path);
    if (!existsSync(absolute)) throw new Error(`There is no test file or folder ${path}.`);
    return statSync(absolute).isDirectory() ? filesBelow(absolute).filter(wanted) : [absolute];
  });
}

function filesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.map((name) => join(folder, name)).sort();
}

async function provideRedis(): Promise<RunRedis | undefined> {
  const given = process.env.SLUICE_TEST_REDIS_URL;
  if (given !== undefined && given !== '') {
    console.log('Redis: the one of SLUICE_TEST_REDIS_URL');
    return undefined;
  }
  const redis = await startRunRedis(findRedisServer() ?? installRedisServer(console.log));
  // The test processes inherit them.
  process.env.SLUICE_TEST_REDIS_URL = redis.url;
  process.env.SLUICE_TEST_REDIS_SERVER = redis.server;
  console.log(`Redis: ${redis.server} on ${redis.url}`);
  return redis;
}

async function checkSources(): Promise<boolean> {
  const typed = await tool('Type check', 'tsc', ['-p', '.']);
  return (await tool('Lint', 'biome', ['ci', '--error-on-warnings', '.'])) && typed;
}

/** Runs a tool of node_modules with this very Node, shows its output when it fails. */
async function tool(title: string, name: string, args: readonly string[]): Promise<boolean> {
  const started = performance.now();
  const bin = join(root, 'node_modules/.bin');
  const child = spawn(process.execPath, [join(bin, name), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: stopping.signal,
  });
  let output = '';
  const read = (text: Buffer) => {
    output += text.toString();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const code = await new Promise<number | null>((done, fail) => child.once('close', done).once('error', fail));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${title}: ${code === 0 ? 'passed' : 'FAILED'} (${seconds} s)`);
  if (code !== 0) console.log(output);
  return code === 0;
}

async function runTests(files: readonly string[], args: Arguments, checked: boolean): Promise<number> {
  console.log(`Tests: ${files.length} files\n`);
  const tally = await runTestFiles({
    files,
    grep: args.grep,
    concurrency: availableParallelism() > 2 ? 3 : 2,
    timeoutMs: args.full ? 30 * 60_000 : 60_000,
    signal: stopping.signal,
    output: process.stdout,
  });
  for (const complaint of tally.complaints) console.log(complaint.replaceAll(`${root}`, ''));
  if (!checked) console.log('The type check or the linter failed, see above.');
  const none = tally.passed + tally.failed === 0;
  if (none) console.log('No test ran.');
  console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
  return checked && !none && tally.failed === 0 && tally.complaints.length === 0 ? 0 : 1;
}

function complain(message: string): number {
  console.error(message);
  return 2;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
