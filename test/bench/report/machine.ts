/** The machine that results are of. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import type { Cores } from '../cores.ts';

/** See the module. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** What `systemd-detect-virt --vm` says, or what the CPU's flags tell. */
  readonly virtual: string;
  readonly pinned: string;
  /** What git says of the sources. */
  readonly revision: string;
}

export function thisMachine({ contender, others, shareACore }: Cores): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()}`,
    node: process.version,
    virtual: said('systemd-detect-virt', ['--vm']) ?? hypervisor(),
    pinned: `contender on CPU ${contender}, all others on CPU ${others}${shareACore ? ', hyperthreads of one core' : ''}`,
    revision: said('git', ['describe', '--always', '--dirty=, changed', '--exclude=*']) ?? 'unknown',
  };
}

function hypervisor(): string {
  return /Hypervisor vendor:\s+(.*)/.exec(said('lscpu', []) ?? '')?.[1] ?? 'not known';
}

function said(command: string, args: readonly string[]): string | undefined {
  try {
    const output = execFileSync(command, args, { stdio: ['ignore', 'pipe', 'ignore'], cwd: import.meta.dirname });
    return output.toString().trim();
  } catch {
    return undefined;
  }
}
