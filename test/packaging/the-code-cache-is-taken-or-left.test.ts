import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { buildBundle, type ProductionBundle, warmUp } from '../support/production-bundle.ts';
import { root } from './repository.ts';

const run = promisify(execFile);
let folder = '';
let bundle: ProductionBundle;
let cache = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-cache-'));
  bundle = await buildBundle(folder);
  assert.equal(await said(), 'absent');
  cache = await warmUp(bundle);
});
after(() => rm(folder, { recursive: true, force: true }));

/** What the launcher says of the cache; it must start whatever that is. */
async function said(...flags: string[]): Promise<string | undefined> {
  const args = [...flags, bundle.main, 'check', '--no-dns', '--config', bundle.config];
  const { stdout, stderr } = await run(process.execPath, args, { env: { NODE_DEBUG: 'sluice' } });
  assert.match(stdout, /: ok, 6 routes/);
  return /code cache: (\w+)/.exec(stderr)?.[1];
}

test('a warm-up leaves one cache, named after the code, and the next start takes it', async () => {
  const code = await readFile(join(bundle.dist, 'sluice.cjs'));
  const digest = createHash('sha256').update(code).digest('hex').slice(0, 16);
  assert.equal(basename(cache), `sluice-${digest}.cache`, 'V8 would take a cache of other code of this length');
  assert.deepEqual(
    (await readdir(bundle.dist)).filter((name) => name.includes('.cache')),
    [basename(cache)],
  );
  assert.equal(await said(), 'accepted');
  assert.equal(
    await said('--max-old-space-size-percentage=60', '--max-semi-space-size=4', '--report-exclude-env'),
    'accepted',
  );
});

test('it holds what a start, a request and a trace have compiled, not only what loading compiles', async () => {
  const { size } = await stat(cache);
  assert.ok(size > 1.5 * 1024 * 1024, `${size} bytes`);
});

test('a cache for other flags, half a cache and garbage are left, and Sluice starts', async (t) => {
  assert.equal(await said('--stack-trace-limit=11'), 'rejected');
  const whole = await readFile(cache);
  t.after(() => writeFile(cache, whole));
  for (const data of [whole.subarray(0, whole.length / 2), Buffer.alloc(0), Buffer.alloc(4096, 'x')]) {
    await writeFile(cache, data);
    assert.equal(await said(), 'rejected', `${data.length} bytes`);
  }
});

test('the bundle tells mistakes as the sources do', async () => {
  const config = join(folder, 'wrong.yaml');
  const shipped = await readFile(bundle.config, 'utf8');
  const wrong = `${shipped.replace('dialect: openai', 'dialect: opnai').replace('max: 32MiB', 'max: 32MB')}\nlogs: 1\n`;
  await writeFile(config, wrong.replace('limit: 1200', 'limit: many'));
  const complaints = async (main: string) => {
    const checked = run(process.execPath, [main, 'check', '--no-dns', '--config', config], { env: {} });
    const { code, stderr } = await checked.then(
      () => assert.fail('it is right'),
      (error: { code: number; stderr: string }) => error,
    );
    assert.equal(code, 2);
    return stderr.trimEnd().split('\n');
  };
  const told = await complaints(bundle.main);
  assert.equal(told.length, 4);
  assert.deepEqual(told, await complaints(join(root, 'src/main.ts')));
});
