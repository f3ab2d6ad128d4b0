/** The processes of the bench, on two cores: one for the contender, one for all that stands around it. All end with it. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Task } from './client.ts';
import { ClientProcess } from './client-process.ts';
import type { Contender, Running, Spawned } from './contenders/contender.ts';
import { type Cores, chooseCores } from './cores.ts';

/** See the module. */
export class BenchProcesses {
  readonly cores: Cores = chooseCores();
  readonly #children: ChildProcess[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  readonly #killAll = () => {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  };
  #client: ClientProcess | undefined;
  #provider: ChildProcess | undefined;
  #upstream = '';
  #named = 0;

  constructor() {
    process.once('exit', this.#killAll);
  }

  /** Starts the provider and the client. */
  async start(): Promise<void> {
    this.#provider = this.#fork('provider.ts');
    const [port] = (await once(this.#provider, 'message')) as [number];
    this.#upstream = `http://127.0.0.1:${port}`;
    this.#client = new ClientProcess(this.#fork('client.ts'));
  }

  get upstream(): string {
    return this.#upstream;
  }

  /** The processes that make the load. */
  get loadPids(): number[] {
    return [this.#provider?.pid ?? 0, this.#client?.pid ?? 0];
  }

  /** Starts a contender on the core of contenders. */
  startContender(contender: Contender): Promise<Running> {
    const folder = join(this.#folder, `${this.#named++}`);
    mkdirSync(folder);
    return contender.start({
      upstream: this.#upstream,
      folder,
      spawn: (command, options) => this.spawn(command, { ...options, core: this.cores.contender, folder }),
    });
  }

  /** Starts a process, by default on the core of all others. What it writes, errors too, goes to a file. */
  spawn(
    command: readonly string[],
    options: { env?: Readonly<Record<string, string>>; core?: number; folder?: string } = {},
  ): Spawned {
    const { env, core = this.cores.others, folder = this.#folder } = options;
    const file = join(folder, `out-${this.#named++}`);
    const out = openSync(file, 'w');
    const { PATH, HOME } = process.env;
    const child = spawn('taskset', ['-c', `${core}`, ...command], {
      env: { PATH, HOME, ...env },
      stdio: ['ignore', out, out],
    });
    closeSync(out);
    this.#keep(child);
    const said = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (let tries = 0; tries < 6000; tries++) {
        const match = pattern.exec(readFileSync(file, 'utf8'));
        if (match !== null) return match;
        if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
        await wait(5);
      }
      throw new Error(`${command.join(' ')} did not say ${pattern}: ${readFileSync(file, 'utf8').slice(-2000)}`);
    };
    return { pid: child.pid ?? 0, said };
  }

  /**
   * Gives the client a task; `opened` is awaited once all streams of it have begun. Resolves to the milliseconds to each
   * first byte (of kind `open`), in no order.
   */
  load(task: Task, opened?: () => Promise<void>): Promise<readonly number[]> {
    return this.#theClient.load(task, opened);
  }

  /** What the client has received so far. */
  received(): Promise<{ readonly events: number; readonly reads: number }> {
    return this.#theClient.received();
  }

  get #theClient(): ClientProcess {
    if (this.#client === undefined) throw new Error('call start() first');
    return this.#client;
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
    process.removeListener('exit', this.#killAll);
    await Promise.all(this.#children.map((child) => (child.pid === undefined ? undefined : this.end(child.pid))));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #fork(name: string): ChildProcess {
    const child = fork(fileURLToPath(new URL(name, import.meta.url)), {
      execPath: 'taskset',
      execArgv: ['-c', `${this.cores.others}`, process.execPath],
    });
    this.#keep(child);
    return child;
  }

  #keep(child: ChildProcess): void {
    this.#children.push(child);
    // Whoever waits for what it says is told so; without a listener the bench would end here.
    child.on('error', (error) => console.error(`a process of the bench: ${error.message} (taskset is in util-linux)`));
  }
}
