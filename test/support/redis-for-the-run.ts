import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The Redis that the whole test run shares. */
export interface RunRedis {
  readonly url: string;
  /** The redis-server binary, for tests that start and kill one of their own. */
  readonly server: string;
  /** Ends the process and removes its folder; safe to call twice. */
  stop(): Promise<void>;
}

/** Where redis-server is: on the PATH or in the usual folders; undefined when it is not installed. */
export function findRedisServer(path = process.env.PATH ?? ''): string | undefined {
  const folders = [...path.split(delimiter), '/usr/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin'];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'redis-server'))
    .find(isExecutable);
}

/** Installs redis-server with apt-get, which only root can. Throws an Error that says what to do otherwise. */
export function installRedisServer(say: (line: string) => void): string {
  const byHand =
    'Install redis-server yourself (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)';
  if (process.getuid?.() !== 0)
    throw new Error(`redis-server is not installed, and only root can install it. ${byHand}.`);
  say('redis-server is not installed: installing it with apt-get …');
  // At run level 1 Debian's package does not start a daemon of its own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', 'redis-server']]) {
    const { status, error, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (status === 0) continue;
    const why = error?.message ?? stderr.trim().split('\n').slice(-5).join('\n');
    throw new Error(`apt-get ${args.join(' ')} failed: ${why}\n${byHand}.`);
  }
  const server = findRedisServer();
  if (server === undefined) throw new Error(`apt-get installed redis-server, but it is not to be found. ${byHand}.`);
  return server;
}

/** Starts Redis on a free port of 127.0.0.1, in a folder of its own, writing nothing to disk. */
export async function startRunRedis(server: string): Promise<RunRedis> {
  // Somebody else may take the port between our looking and Redis's binding it.
  for (let attempts = 3; ; attempts--) {
    try {
      return await startOn(server, await freePort());
    } catch (error) {
      if (attempts === 1) throw error;
    }
  }
}

async function startOn(server: string, port: number): Promise<RunRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn(server, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  const killAtExit = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', killAtExit);
  const stop = async () => {
    process.removeListener('exit', killAtExit);
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await accepting(child, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, server, stop };
}

function accepting(child: ChildProcess, server: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (text: Buffer) => {
      output += text.toString();
      if (output.includes('Ready to accept connections')) resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', (error) => reject(new Error(`${server} cannot be started: ${error.message}`)));
    child.once('exit', (code, signal) =>
      reject(new Error(`${server} ended with ${code ?? signal}:\n${output.trim()}`)),
    );
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
