import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { readSmallFile, WatchedFile } from '../../src/resources/watched-file.ts';

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-watched-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Puts a whole file there at once, so that no look falls between its making and its text. */
async function put(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

/** What the watch tells, in order; each within two seconds of its change. */
function watched(t: TestContext, path: string, text: string | undefined) {
  const told = new PassThrough({ objectMode: true });
  const file = new WatchedFile(path, text, {
    changed: (changed) => void told.write(changed),
    failed: (error) => void told.write(error),
  });
  t.after(() => file.close());
  return async (): Promise<unknown> => {
    if (told.readableLength === 0) await once(told, 'readable', { signal: AbortSignal.timeout(2_000) });
    return told.read();
  };
}

test('a text that changed before the watch began, in place, by a rename and behind a link elsewhere is told', async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, 'file');
  await writeFile(path, 'two');
  const next = watched(t, path, 'one');
  assert.equal(await next(), 'two', 'changed since it was read');
  await writeFile(path, 'three');
  // A look may fall between the truncation and the text.
  const told = await next();
  assert.equal(told === '' ? await next() : told, 'three');
  await put(path, 'four');
  assert.equal(await next(), 'four');
  const link = join(await folderOf(t), 'link');
  await symlink(path, link);
  const linked = watched(t, link, 'four');
  await put(path, 'five');
  // No event comes in the link's folder: the poll sees it.
  assert.equal(await linked(), 'five');
});

test('what cannot be read is told once, whatever it is, and the text again when there is another one', async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, 'file');
  await writeFile(path, 'one');
  const next = watched(t, path, 'one');
  const spoil: [() => Promise<unknown>, RegExp][] = [
    [async () => undefined, /ENOENT/],
    [() => mkdir(path), /no regular file/],
    [() => symlink(path, path), /ELOOP/],
    [async () => execFileSync('mkfifo', [path]), /no regular file/],
    [() => writeFile(path, 'x'.repeat(1024 * 1024 + 1)), /larger than 1 MiB/],
  ];
  for (const [i, [spoilIt, reason]] of spoil.entries()) {
    await rm(path, { recursive: true });
    await spoilIt();
    // Or of the moment between, in which there was nothing.
    assert.ok((await next()) instanceof Error);
    assert.throws(() => readSmallFile(path), reason);
    if ((await lstat(path).catch(() => undefined))?.isDirectory() === true) await rm(path, { recursive: true });
    await put(path, `good ${i}`);
    assert.equal(await next(), `good ${i}`, 'nothing was told twice');
  }
  await unlink(path);
  assert.match(String(await next()), /ENOENT/);
});

test('a folder that is removed and made again is watched again', async (t) => {
  const folder = join(await folderOf(t), 'mount');
  await mkdir(folder);
  await writeFile(join(folder, 'file'), 'one');
  const next = watched(t, join(folder, 'file'), 'one');
  await rm(folder, { recursive: true });
  assert.match(String(await next()), /ENOENT/);
  await mkdir(folder);
  await put(join(folder, 'file'), 'two');
  assert.equal(await next(), 'two');
});
