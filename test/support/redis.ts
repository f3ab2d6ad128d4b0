/** A real Redis for tests: one of their own to hurt, or the one that the run provides. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';

/** A private redis-server, ended after the test. */
export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  /** Sends a signal and, for SIGKILL, waits until the process is gone. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** Starts it again on the same port after SIGKILL; resolves when it answers. */
  restart(): Promise<void>;
  /** One command on a connection of its own, e.g. `command('FLUSHALL')`. */
  command(name: string, ...args: string[]): Promise<unknown>;
}

/** Starts a redis-server (`options`: of its command line) on a free port, its files in a temporary folder. Rejects when there is no redis-server. */
export async function startRedis(
  t: Pick<TestContext, 'after'>,
  options: readonly string[] = [],
): Promise<PrivateRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
  const port = await freePort();
  let server = await launch(dir, port, options);
  t.after(async () => {
    await stop(server);
    await rm(dir, { recursive: true, force: true });
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    async signal(signal) {
      if (signal === 'SIGKILL') await stop(server);
      else server.kill(signal);
    },
    async restart() {
      server = await launch(dir, port, options);
    },
    async command(name, ...args) {
      const client = new Redis({
        host: '127.0.0.1',
        port,
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
    },
  };
}

/** URL of a Redis that works: SLUICE_TEST_REDIS_URL, else a private one. Use keys of your own: others share it. */
export async function testRedisUrl(t: Pick<TestContext, 'after'>): Promise<string> {
  const given = process.env.SLUICE_TEST_REDIS_URL;
  if (given !== undefined && given !== '') return given;
  return (await startRedis(t)).url;
}

async function launch(dir: string, port: number, options: readonly string[]): Promise<ChildProcess> {
  const args = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    dir,
    '--save',
    '',
    '--appendonly',
    'no',
    ...options,
  ];
  // The run may have brought a binary of its own.
  const binary = process.env.SLUICE_TEST_REDIS_SERVER || 'redis-server';
  const server = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const ready = new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new Error('these tests need the redis-server binary on PATH (Debian: apt-get install redis-server)', { cause }),
      );
    });
    server.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${output}`)));
    server.stdout?.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.includes('Ready to accept connections')) resolve();
    });
  });
  await ready;
  return server;
}

/** SIGKILL ends a stopped process too. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill('SIGKILL');
  await gone;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
