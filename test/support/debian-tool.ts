/** Programs that tests need and npm does not bring: found where they usually are, or installed from Debian. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program and how one gets it. */
export interface Tool {
  readonly name: string;
  /** Debian's package. */
  readonly debian: string;
  /** Said to whoever has to install it. */
  readonly byHand: string;
}

/** Where it is: on the PATH or in the usual folders; undefined when it is not installed. */
export function findTool({ name }: Tool, path = process.env.PATH ?? ''): string | undefined {
  const folders = [...path.split(delimiter), '/usr/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin'];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** Installs it with apt-get, which only root can. Throws an Error that says what to do otherwise. */
export function installTool(tool: Tool, say: (line: string) => void): string {
  const { name, debian, byHand } = tool;
  if (process.getuid?.() !== 0) throw new Error(`${name} is not installed, and only root can install it. ${byHand}.`);
  say(`${name} is not installed: installing it with apt-get …`);
  // At run level 1 Debian's packages do not start a daemon of their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', debian]]) {
    const { status, error, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (status === 0) continue;
    const why = error?.message ?? stderr.trim().split('\n').slice(-5).join('\n');
    throw new Error(`apt-get ${args.join(' ')} failed: ${why}\n${byHand}.`);
  }
  const found = findTool(tool);
  if (found === undefined) throw new Error(`apt-get installed ${debian}, but ${name} is not to be found. ${byHand}.`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
