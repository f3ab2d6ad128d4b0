/** A primary, a replica and Sentinels that watch them, from Debian's redis-server. */
import type { ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scope } from './close-after.ts';
import { freePort } from './free-port.ts';
import { launch, launchRedis, privateFolder, stopRedis, until } from './redis-process.ts';

/** What was started; all of it ends after the test. */
export interface SentinelSetup {
  /** `redis+sentinel://…/game`. */
  readonly url: string;
  readonly primary: { readonly port: number; readonly process: ChildProcess };
  readonly replica: { readonly port: number; readonly process: ChildProcess };
}

/** How it is to be. */
export interface SentinelOptions {
  readonly sentinels?: number;
  /** Of primary and replica. */
  readonly password?: string;
  /** Of the Sentinels. */
  readonly sentinelPassword?: string;
}

/** Resolves when every Sentinel knows the replica, and so can fail over. A primary counts as down after 500 ms. */
export async function startSentinels(
  scope: Scope,
  { sentinels = 1, password, sentinelPassword }: SentinelOptions = {},
): Promise<SentinelSetup> {
  const dir = await privateFolder(scope);
  const secrets = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
  const start = async (options: readonly string[]) => {
    const port = await freePort();
    const server = await launchRedis(dir, port, [...secrets, '--repl-diskless-sync-delay', '0', ...options]);
    scope.after(() => stopRedis(server));
    return { port, process: server };
  };
  const primary = await start([]);
  const replica = await start(['--replicaof', '127.0.0.1', `${primary.port}`]);
  const ports: number[] = [];
  for (let i = 0; i < sentinels; i++) {
    const port = await freePort();
    const file = join(dir, `sentinel-${i}.conf`);
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `sentinel monitor game 127.0.0.1 ${primary.port} ${Math.floor(sentinels / 2) + 1}`,
      'sentinel down-after-milliseconds game 500',
      'sentinel failover-timeout game 3000',
      ...(password === undefined ? [] : [`sentinel auth-pass game ${password}`]),
      ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`]),
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    const server = await launch([file, '--sentinel'], '+monitor master game');
    scope.after(() => stopRedis(server));
    ports.push(port);
    const known = new RegExp(`${replica.port}.*master-link-status,ok`);
    await until({ port, password: sentinelPassword }, ['SENTINEL', 'REPLICAS', 'game'], known);
  }
  const credentials = password === undefined ? '' : `:${password}@`;
  const url = `redis+sentinel://${credentials}${ports.map((port) => `127.0.0.1:${port}`).join(',')}/game`;
  return { url, primary, replica };
}
