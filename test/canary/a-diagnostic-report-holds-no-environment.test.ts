import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inheritedBreak } from '../support/broken-build.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

const crashing = fileURLToPath(new URL('crash-on-signal.ts', import.meta.url));

/** The reports that a Sluice leaves which a signal brings down. */
async function reportsOf(t: TestContext, signal: NodeJS.Signals, options: readonly string[]): Promise<string[]> {
  const cwd = await mkdtemp(join(tmpdir(), 'sluice-report-'));
  t.after(() => rm(cwd, { recursive: true, force: true }));
  const file = await yamlFile(proxyYaml({ upstream: 'http://127.0.0.1:1' }), { t });
  const { NODE_OPTIONS = '', ...inherited } = inheritedBreak();
  const own = ['--report-on-fatalerror', '--report-uncaught-exception', `--import=${crashing}`, ...options];
  const env = { ...inherited, OPENAI_API_KEY: 'planted-key', NODE_OPTIONS: [NODE_OPTIONS, ...own].join(' ').trim() };
  const sluice = spawnSluice(['--config', file], env, { t, cwd });
  await sluice.ready;
  assert.notEqual((await sluice.kill(signal)).code, 0);
  const names = (await readdir(cwd)).filter((name) => name.startsWith('report.'));
  return Promise.all(names.map((name) => readFile(join(cwd, name), 'utf8')));
}

test('the report of an uncaught exception holds no environment', async (t) => {
  const [report, ...others] = await reportsOf(t, 'SIGWINCH', []);
  assert.deepEqual(others, []);
  assert.match(report ?? '', /"trigger": "Exception"/);
  assert.doesNotMatch(report ?? '', /planted-key|OPENAI_API_KEY/);
});

// Node makes this one without looking at what the process has asked for.
test('of a full heap there is a report with --report-exclude-env only, and it holds no environment', async (t) => {
  const full = '--max-old-space-size=64';
  assert.deepEqual(await reportsOf(t, 'SIGIO', [full]), []);
  const [report, ...others] = await reportsOf(t, 'SIGIO', [full, '--report-exclude-env']);
  assert.deepEqual(others, []);
  assert.match(report ?? '', /"trigger": "OOMError"/);
  assert.doesNotMatch(report ?? '', /planted-key|OPENAI_API_KEY/);
});
