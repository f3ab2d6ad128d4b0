import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

// Chroot isolation and plain folders as storage: what works inside a container or a small virtual machine, too.
const environment = { ...process.env, BUILDAH_ISOLATION: 'chroot', STORAGE_DRIVER: 'vfs' };

/** Starts a program; its standard output can be read, its errors are shown. */
export function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
}

/** Runs a program to its end and returns its standard output; throws with all that it said when it fails. */
export async function command(program: string, ...args: readonly string[]): Promise<string> {
  const child = start(program, args);
  const said = { stdout: '', all: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
    said.all += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said.all += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} exited with ${code}:\n${said.all.slice(-4000)}`);
  return said.stdout.trim();
}
