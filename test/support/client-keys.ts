import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '../../src/auth/key-table.ts';
import { closeAfter, type Scope } from './close-after.ts';

/** The salt of the tests' entries. */
export const salt = 'c2FsdC1vZi10aGUtdGVzdA';

/** A key that nobody can guess. */
export function newKey(): string {
  return `sk-sluice-${randomBytes(32).toString('base64url')}`;
}

/** Its entry, as `sluice hash-key` prints it. */
export function entryOf(key: string, identity: string, more: object = {}, of = salt): object {
  return { hash: `sha256:${of}:${digestOf(of, key).toString('base64url')}`, identity, ...more };
}

/** A file in a folder that is swapped as Kubernetes does it with a mounted Secret. */
export async function mountedFile(t: Scope, name: string, content: string) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-mount-'));
  closeAfter(t, () => rm(folder, { recursive: true, force: true }));
  let version = 0;
  const swap = async (text: string) => {
    const next = `..v${++version}`;
    await mkdir(join(folder, next));
    await writeFile(join(folder, next, name), text);
    await symlink(next, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    if (version > 1) await rm(join(folder, `..v${version - 1}`), { recursive: true });
  };
  await swap(content);
  await symlink(`..data/${name}`, join(folder, name));
  return { path: join(folder, name), swap };
}
