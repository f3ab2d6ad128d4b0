/** The processes of a bench, all on 127.0.0.1, all ended with it. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A Sluice whose CPU time is measured. */
export interface MeasuredSluice {
  readonly url: string;
  /** User and system time of all its threads so far, in milliseconds. */
  cpuMs(): number;
}

/** What belongs to one bench. */
export class Processes {
  readonly #children: ChildProcess[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));

  /** Forks a module of this folder. */
  fork(name: string): ChildProcess {
    const child = fork(fileURLToPath(new URL(name, import.meta.url)), { execArgv: ['--import', 'tsx'] });
    this.#children.push(child);
    return child;
  }

  /** Starts Sluice with its log in a file, as production has it behind a pipe that somebody empties. */
  async sluice(name: string, yaml: string): Promise<MeasuredSluice> {
    const config = join(this.#folder, `${name}.yaml`);
    const log = join(this.#folder, `${name}.log`);
    writeFileSync(config, yaml);
    const out = openSync(log, 'w');
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, [main, '--config', config], {
      env: { PATH, HOME },
      stdio: ['ignore', out, 'inherit'],
    });
    closeSync(out);
    this.#children.push(child);
    for (;;) {
      const ready = /"listen":\["([^"]+)"/.exec(readFileSync(log, 'utf8'))?.[1];
      if (ready !== undefined) return { url: ready, cpuMs: () => cpuMs(child.pid ?? 0) };
      if (child.exitCode !== null) throw new Error(`Sluice ended with ${child.exitCode}`);
      await wait(20);
    }
  }

  /** Ends them all. */
  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Of each thread Linux tells the nanoseconds on a CPU; `/proc/PID/stat` has ticks of 10 ms, too coarse for short runs. */
export function cpuMs(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]);
  }
  return nanoseconds / 1e6;
}
