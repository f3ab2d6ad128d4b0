/** What stands around the contenders: provider, client, collector, Redis. Begun with `withBench`, ended with it. */
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/free-port.ts';
import { findRedisServer, installRedisServer } from '../support/redis-for-the-run.ts';
import { BenchProcesses } from './bench-processes.ts';

/** What a bench has. */
export interface Bench {
  readonly processes: BenchProcesses;
  /** Of an OTLP collector that throws away what it gets. */
  readonly collector: string;
  /** Starts a Redis on the core of all others, once; throws when that cannot be done. */
  redis(): Promise<string>;
  /** True once the bench is asked to end early (Ctrl-C). */
  readonly stopped: boolean;
}

/** Runs a bench between the start and the end of its processes; a signal ends them too, with exit code 130 or 143. */
export async function withBench<Result>(run: (bench: Bench) => Promise<Result>): Promise<Result> {
  const processes = new BenchProcesses();
  let stopped = false;
  const stop = (signal: 'SIGINT' | 'SIGTERM') => {
    stopped = true;
    const exit = () => process.exit(signal === 'SIGINT' ? 130 : 143);
    processes.close().then(exit, exit);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await processes.start();
    const script = fileURLToPath(new URL('collector.ts', import.meta.url));
    const [, collector = ''] = await processes.spawn([process.execPath, script]).said(/url (http:\S+)/);
    let redis: Promise<string> | undefined;
    return await run({
      processes,
      collector,
      redis: () => {
        redis ??= startRedis(processes);
        return redis;
      },
      get stopped() {
        return stopped;
      },
    });
  } finally {
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
    // Else a signal that ends the bench would be overtaken by what it makes fail.
    if (stopped) await new Promise(() => setInterval(() => undefined, 1000));
    await processes.close();
  }
}

async function startRedis(processes: BenchProcesses): Promise<string> {
  const binary = findRedisServer() ?? installRedisServer(progress);
  const port = await freePort();
  const { said } = processes.spawn([
    binary,
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ]);
  await said(/Ready to accept connections/);
  return `redis://127.0.0.1:${port}`;
}

/** A line of progress, on stderr: stdout is for results. */
export function progress(line: string): void {
  const now = new Date().toTimeString().slice(0, 8);
  console.error(`${now} ${line}`);
}
