/** A real Redis for tests: one of their own to hurt, or the one that the run provides. */
import type { TestContext } from 'node:test';
import { freePort } from './free-port.ts';
import { commandAt, launchRedis, privateFolder, stopRedis } from './redis-process.ts';

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
  const dir = await privateFolder(t);
  const port = await freePort();
  let server = await launchRedis(dir, port, options);
  t.after(() => stopRedis(server));
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    async signal(signal) {
      if (signal === 'SIGKILL') await stopRedis(server);
      else server.kill(signal);
    },
    async restart() {
      server = await launchRedis(dir, port, options);
    },
    command: (name, ...args) => commandAt(port, name, ...args),
  };
}

/** URL of a Redis that works: SLUICE_TEST_REDIS_URL, else a private one. Use keys of your own: others share it. */
export async function testRedisUrl(t: Pick<TestContext, 'after'>): Promise<string> {
  const given = process.env.SLUICE_TEST_REDIS_URL;
  if (given !== undefined && given !== '') return given;
  return (await startRedis(t)).url;
}
