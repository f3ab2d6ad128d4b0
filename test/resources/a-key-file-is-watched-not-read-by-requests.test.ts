import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { policies } from '../../policies/index.ts';
import { checkConfig } from '../../src/app.ts';
import type { Secret } from '../../src/policy.ts';
import { SecretFile, watchedDirectories } from '../../src/resources/secret-file.ts';
import { Secrets } from '../../src/resources/secrets.ts';
import { mountSecret } from '../support/mounted-secret.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { startProxy } from '../support/start-proxy.ts';

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-key-file-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A reader of its own, with a clock that the test turns. */
function open(t: TestContext, path: string) {
  const clock = { now: 0 };
  const file = new SecretFile(path, watchedDirectories(), () => clock.now);
  t.after(() => file.close());
  return { file, clock };
}

/** Within two seconds, which is what a rotation may take. */
async function becomes(secret: Secret, value: string | undefined): Promise<void> {
  const from = performance.now();
  while (secret.value() !== value) {
    assert.ok(performance.now() - from < 2_000, 'known within two seconds');
    await wait(10);
  }
}

test('a swap of the mounted Secret, a file written in place and one swapped behind a link of our own are all seen', async (t) => {
  const mounted = await mountSecret(t, 'one');
  const { file } = open(t, mounted.file);
  assert.equal(file.value(), 'one');
  for (const value of ['two', 'three']) {
    await mounted.publish(value);
    await becomes(file, value);
  }
  const folder = await folderOf(t);
  const plain = join(folder, 'plain');
  await writeFile(plain, '  four \n');
  const inPlace = open(t, plain).file;
  assert.equal(inPlace.value(), 'four', 'trimmed');
  await writeFile(plain, 'five');
  await becomes(inPlace, 'five');
  const elsewhere = join(await folderOf(t), 'link');
  await symlink(mounted.file, elsewhere);
  const linked = open(t, elsewhere).file;
  await mounted.publish('six');
  // No event comes here: the poll sees it.
  await becomes(linked, 'six');
});

test('a file that comes only after the start is read then', async (t) => {
  const folder = await folderOf(t);
  const { file } = open(t, join(folder, 'later', 'key'));
  assert.equal(file.value(), undefined);
  await mkdir(join(folder, 'later'));
  await writeFile(join(folder, 'later', 'key'), 'here');
  await becomes(file, 'here');
});

test('what is no key for a moment leaves the last good value in use; after a minute there is none', async (t) => {
  const path = join(await folderOf(t), 'key');
  await writeFile(path, 'good');
  const { file, clock } = open(t, path);
  const spoil: [string, () => Promise<void>][] = [
    ['empty', () => writeFile(path, ' \n')],
    ['too large', () => writeFile(path, 'x'.repeat(64 * 1024 + 1))],
    ['gone', () => unlink(path)],
    ['a directory', () => mkdir(path)],
  ];
  for (const [name, spoilIt] of spoil) {
    await spoilIt();
    await file.refresh();
    clock.now += 14_000;
    await file.refresh();
    assert.equal(file.value(), 'good', name);
  }
  clock.now += 14_000;
  await file.refresh();
  assert.equal(file.value(), undefined, 'a minute has passed');
  await rm(path, { recursive: true });
  await writeFile(path, 'new');
  await file.refresh();
  assert.equal(file.value(), 'new');
});

test('a FIFO, a device or a directory given as a key file neither hangs nor is read', async (t) => {
  const folder = await folderOf(t);
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const path of [fifo, '/dev/zero', folder]) {
    const { file } = open(t, path);
    assert.equal(file.value(), undefined);
    await file.refresh();
    assert.equal(file.value(), undefined);
  }
});

test('asking for a value reads nothing: it stays until the watch has looked', async (t) => {
  const path = join(await folderOf(t), 'key');
  await writeFile(path, 'one');
  const { file } = open(t, path);
  await writeFile(path, 'two');
  const from = performance.now();
  while (performance.now() - from < 5) assert.equal(file.value(), 'one');
  await file.refresh();
  assert.equal(file.value(), 'two');
});

test('files of one directory share its watch, pipelines share a file, and the last release closes both', async (t) => {
  const folder = await folderOf(t);
  for (const name of ['a', 'b']) await writeFile(join(folder, name), name);
  const secrets = new Secrets({});
  const [a, b] = [{ file: join(folder, 'a') }, { file: join(folder, 'b') }];
  assert.equal(secrets.acquire(a), secrets.acquire(a));
  secrets.acquire(b);
  assert.equal(secrets.watched, 1);
  await secrets.release(a);
  await secrets.release(b);
  assert.equal(secrets.watched, 1);
  await secrets.release(a);
  assert.equal(secrets.watched, 0);
});

test('ten reloads and a close leave no watch behind', async (t) => {
  const mounted = await mountSecret(t, 'one');
  const policies = [{ policy: 'key-injection', with: { keys: [{ file: mounted.file }] } }];
  const config = { upstream: 'http://127.0.0.1:1', policies };
  const before = watches();
  const proxy = await startProxy(config, { t });
  for (let i = 0; i < 10; i++) await proxy.reload(config);
  assert.equal(watches() - before, 1);
  await proxy.reload({ ...config, policies: [] });
  assert.equal(watches() - before, 0);
  await proxy.reload(config);
  assert.equal(watches() - before, 1);
  await proxy.close();
  assert.equal(watches() - before, 0);
});

/** Watches that the kernel holds for this process (Linux); Node does not tell of those that keep no process alive. */
function watches(): number {
  let count = 0;
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    try {
      count += readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^inotify /gm)?.length ?? 0;
    } catch {
      // Closed meanwhile, as the one that the folder is read with.
    }
  }
  return count;
}

test('check warns, at its place and without the path, of a key file that others may write or read, and of what is no file', async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, 'canary-path');
  await writeFile(path, 'k');
  const warnings = async (file: string) => {
    const keys = [{ file }];
    const yaml = proxyYaml({
      upstream: 'https://api.openai.com',
      policies: [{ policy: 'key-injection', with: { keys } }],
    });
    const loaded = await checkConfig({ yaml, policies, env: {} });
    return loaded.warnings.map(({ path: place, line, message }) => `${place} ${line > 0} ${message}`);
  };
  const expected: [number, RegExp | undefined][] = [
    [0o600, undefined],
    [0o640, undefined],
    [0o644, /^policies\[0\]\.with\.keys\[0\]\.file true .*may read \(mode 0644\)/],
    [0o660, /may write \(mode 0660\)/],
    [0o666, /may write \(mode 0666\)/],
  ];
  for (const [mode, pattern] of expected) {
    await chmod(path, mode);
    const told = await warnings(path);
    assert.equal(told.length, pattern === undefined ? 0 : 1, `${mode.toString(8)}: ${told}`);
    if (pattern !== undefined) assert.match(told[0] ?? '', pattern);
    assert.doesNotMatch(told.join(), /canary/);
  }
  assert.match((await warnings(folder))[0] ?? '', /no plain file/);
  assert.deepEqual(await warnings(join(folder, 'absent')), []);
  const mounted = await mountSecret(t, 'k');
  await chmod(mounted.file, 0o644);
  assert.deepEqual(await warnings(mounted.file), [], 'the mode that Kubernetes gives');
});
