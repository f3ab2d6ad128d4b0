/** A Redis Cluster of three primaries, from Debian's redis-server. */
import type { ChildProcess } from 'node:child_process';
import type { Scope } from './close-after.ts';
import { freePort } from './free-port.ts';
import { commandAt, launchRedis, privateFolder, stopRedis, until } from './redis-process.ts';

/** One node and the slots it has. */
export interface ClusterNode {
  readonly port: number;
  readonly first: number;
  readonly last: number;
  readonly process: ChildProcess;
  /** Starts it again, with the slots it had, after it was killed. */
  restart(): Promise<void>;
}

/** What was started; all of it ends after the test. */
export interface ClusterSetup {
  /** `redis+cluster://…`, with every node in it. */
  readonly url: string;
  readonly nodes: readonly ClusterNode[];
}

/** Resolves when every node says that the Cluster is ok. A node that is gone takes only its own slots with it. */
export async function startCluster(scope: Scope): Promise<ClusterSetup> {
  const nodes: ClusterNode[] = [];
  let firstBus = '';
  for (let i = 0; i < 3; i++) {
    const dir = await privateFolder(scope);
    const port = await freePort();
    const bus = await freePort();
    const options = ['--cluster-enabled', 'yes', '--cluster-port', `${bus}`, '--cluster-node-timeout', '1000'];
    const start = () => launchRedis(dir, port, [...options, '--cluster-require-full-coverage', 'no']);
    let server = await start();
    scope.after(() => stopRedis(server));
    const first = Math.ceil((16_384 / 3) * i);
    const last = Math.ceil((16_384 / 3) * (i + 1)) - 1;
    await commandAt(port, 'CLUSTER', 'ADDSLOTSRANGE', `${first}`, `${last}`);
    if (nodes[0] !== undefined) {
      await commandAt(port, 'CLUSTER', 'MEET', '127.0.0.1', `${nodes[0].port}`, firstBus);
    } else {
      firstBus = `${bus}`;
    }
    nodes.push({
      port,
      first,
      last,
      get process() {
        return server;
      },
      async restart() {
        server = await start();
      },
    });
  }
  for (const { port } of nodes) {
    await until(
      port,
      ['CLUSTER', 'INFO'],
      /cluster_state:ok[\s\S]*cluster_slots_assigned:16384[\s\S]*cluster_known_nodes:3/,
    );
  }
  return { url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, nodes };
}
