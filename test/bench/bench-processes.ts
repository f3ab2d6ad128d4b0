/** The processes of the bench, on two cores: one for the contender, one for all that stands around it. All end with it. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Done, Task } from './client.ts';
import type { Contender, Running, Spawned } from './contenders/contender.ts';

/** The last core is the contenders'; the first one the provider's, the client's and the collector's. */
const contenderCore = availableParallelism() - 1;
const otherCore = 0;

/** See the module. */
export class BenchProcesses {
  readonly #children: ChildProcess[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  #client: ChildProcess | undefined;
  #upstream = '';
  #named = 0;

  /** Starts the provider and the client. */
  async start(): Promise<void> {
    const provider = this.#fork('provider.ts');
    const [port] = (await once(provider, 'message')) as [number];
    this.#upstream = `http://127.0.0.1:${port}`;
    this.#client = this.#fork('client.ts');
  }

  get upstream(): string {
    return this.#upstream;
  }

  /** Starts a contender on the core of contenders. */
  startContender(contender: Contender): Promise<Running> {
    const folder = join(this.#folder, `${this.#named++}`);
    mkdirSync(folder);
    return contender.start({
      upstream: this.#upstream,
      folder,
      spawn: (command, options) => this.spawn(command, { ...options, core: contenderCore, folder }),
    });
  }

  /** Starts a process; by default on the core of all others. */
  spawn(
    command: readonly string[],
    options: { env?: Readonly<Record<string, string>>; core?: number; folder?: string } = {},
  ): Spawned {
    const { env, core = otherCore, folder = this.#folder } = options;
    const file = join(folder, `out-${this.#named++}`);
    const out = openSync(file, 'w');
    const { PATH, HOME } = process.env;
    const child = spawn('taskset', ['-c', `${core}`, ...command], {
      env: { PATH, HOME, ...env },
      stdio: ['ignore', out, 'inherit'],
    });
    closeSync(out);
    this.#children.push(child);
    const said = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (let tries = 0; tries < 1500; tries++) {
        const match = pattern.exec(readFileSync(file, 'utf8'));
        if (match !== null) return match;
        if (child.exitCode !== null) break;
        await wait(20);
      }
      throw new Error(`${command.join(' ')} did not say ${pattern}: ${readFileSync(file, 'utf8').slice(0, 2000)}`);
    };
    return { pid: child.pid ?? 0, said };
  }

  /** Gives the client a task; `opened` is awaited once all streams of it have begun. */
  async load(task: Task, opened?: () => Promise<void>): Promise<readonly number[]> {
    const client = this.#client as ChildProcess;
    client.send(task);
    for (;;) {
      const [done] = (await once(client, 'message')) as [Done];
      if (done.error !== undefined) throw new Error(`${task.url}: ${done.error}`);
      if (done.open !== true) return done.firstByteMs;
      // What the client says meanwhile must not be missed.
      const next = once(client, 'message') as Promise<[Done]>;
      await opened?.();
      const [end] = await next;
      if (end.error !== undefined) throw new Error(`${task.url}: ${end.error}`);
      return end.firstByteMs;
    }
  }

  /** Ends one process. */
  async end(pid: number): Promise<void> {
    const child = this.#children.find((one) => one.pid === pid);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const killed = setTimeout(() => child.kill('SIGKILL'), 2000);
    await gone;
    clearTimeout(killed);
  }

  /** Ends them all. */
  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => this.end(child.pid ?? 0)));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #fork(name: string): ChildProcess {
    const child = fork(fileURLToPath(new URL(name, import.meta.url)), {
      execPath: 'taskset',
      execArgv: ['-c', `${otherCore}`, process.execPath],
    });
    this.#children.push(child);
    return child;
  }
}
