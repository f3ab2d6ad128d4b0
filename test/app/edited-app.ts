import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { policies } from '../../policies/index.ts';
import { createApp } from '../../src/app.ts';
import { closeAfter, type Scope } from '../support/close-after.ts';
import { LogLines } from '../support/log-lines.ts';

/** A folder of its own, removed after the test. */
export async function folderOf(t: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-edited-'));
  closeAfter(t, () => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Saves a file as editors do that write a new one and put it in the place of the old one. */
export async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.swp`, text);
  await rename(`${path}.swp`, path);
}

export const reloaded = 'configuration reloaded';
export const failed = 'reload failed; the running configuration stays';
export const changed = 'configuration files have changed';

/** A Sluice in this process that watches its files; closed after the test. */
export async function startWatching(t: Scope, files: readonly string[]) {
  const log = new LogLines();
  const app = await createApp({ files, policies, env: {}, log: { destination: log }, watch: true });
  closeAfter(t, () => app.close({ drainMs: 0 }));
  await app.listen();
  const count = (msg: string) => log.lines.filter((line) => line.msg === msg).length;
  return {
    app,
    url: `http://127.0.0.1:${app.proxyAddresses[0]?.port}`,
    adminUrl: `http://127.0.0.1:${app.adminAddresses[0]?.port}`,
    count,
    lines: log.lines,
    /** Resolves with the nth line (from 1) of that text. */
    told: async (msg: string, nth = 1) => {
      let seen = 0;
      await log.waitFor((line) => line.msg === msg && ++seen >= nth);
      return log.lines.filter((line) => line.msg === msg)[nth - 1];
    },
  };
}
