/** Processes of redis-server for tests, and single commands to them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Scope } from './close-after.ts';

/** A folder that is removed after the test. */
export async function privateFolder(scope: Scope): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
  scope.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts a redis-server that keeps nothing; resolves when it accepts connections. */
export function launchRedis(dir: string, port: number, options: readonly string[] = []): Promise<ChildProcess> {
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no'];
  return launch([...args, ...options], 'Ready to accept connections');
}

/** Starts the binary with these arguments; resolves when it has printed `ready`. Rejects when it ends before. */
export async function launch(args: readonly string[], ready: string): Promise<ChildProcess> {
  // The run may have brought a binary of its own.
  const binary = process.env.SLUICE_TEST_REDIS_SERVER || 'redis-server';
  const server = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new Error('these tests need the redis-server binary on PATH (Debian: apt-get install redis-server)', { cause }),
      );
    });
    server.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${output}`)));
    server.stdout?.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.includes(ready)) resolve();
    });
  });
  return server;
}

/** Kills it and waits until it is gone. SIGKILL ends a stopped process too. */
export async function stopRedis(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill('SIGKILL');
  await gone;
}

/** Where a command goes; a number is a port. */
export type At = number | { readonly port: number; readonly password?: string | undefined };

/** One command on a connection of its own. */
export async function commandAt(at: At, name: string, ...args: string[]): Promise<unknown> {
  const { port, password = '' } = typeof at === 'number' ? { port: at } : at;
  const client = new Redis({
    host: '127.0.0.1',
    port,
    ...(password === '' ? {} : { password }),
    maxRetriesPerRequest: 1,
    enableReadyCheck: false,
    disableClientInfo: true,
  });
  client.on('error', () => {});
  try {
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}

/** Asks until the answer is right; rejects after ten seconds with the last one. For what Redis tells to nobody by itself. */
export async function until(at: At, command: readonly [string, ...string[]], right: RegExp): Promise<void> {
  const end = performance.now() + 10_000;
  for (;;) {
    const answer = String(await commandAt(at, ...command));
    if (right.test(answer)) return;
    if (performance.now() > end) throw new Error(`${command.join(' ')} still answers ${answer}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
