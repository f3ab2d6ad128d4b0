import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeAfter, type Scope } from './close-after.ts';

/** A volume as the kubelet mounts a Secret: `key` → `..data/key`, and `..data` → a folder of each version. */
export interface MountedSecret {
  readonly folder: string;
  /** Path of the key. */
  readonly file: string;
  /** A new version: written to a folder of its own, `..data` swapped by a rename, the old folder removed. */
  publish(value: string): Promise<void>;
}

/** Mounts one in a folder of its own, removed after the test. */
export async function mountSecret(t: Scope, value: string): Promise<MountedSecret> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-mounted-secret-'));
  closeAfter(t, () => rm(folder, { recursive: true, force: true }));
  let version = 0;
  const publish = async (next: string) => {
    const [before, now] = [`..v${version}`, `..v${++version}`];
    await mkdir(join(folder, now));
    await writeFile(join(folder, now, 'key'), `${next}\n`);
    await symlink(now, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await rm(join(folder, before), { recursive: true, force: true });
  };
  await publish(value);
  await symlink('..data/key', join(folder, 'key'));
  return { folder, file: join(folder, 'key'), publish };
}
