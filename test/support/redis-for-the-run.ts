import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool, installTool, type Tool } from './debian-tool.ts';
import { freePort } from './free-port.ts';

/** The Redis that the whole test run shares. */
export interface RunRedis {
  readonly url: string;
  /** The redis-server binary, for tests that start and kill one of their own. */
  readonly server: string;
  /** Ends the process and removes its folder; safe to call twice. */
  stop(): Promise<void>;
}

const REDIS: Tool = {
  name: 'redis-server',
  debian: 'redis-server',
  byHand: 'Install redis-server yourself (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)',
};

/** Where redis-server is; undefined when it is not installed. */
export function findRedisServer(): string | undefined {
  return findTool(REDIS);
}

/** Installs redis-server; throws an Error that says what to do where that cannot be done. */
export function installRedisServer(say: (line: string) => void): string {
  return installTool(REDIS, say);
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
