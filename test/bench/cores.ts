/** Which cores the bench uses: one for the contender, another one for all that stands around it. */
import { readFileSync } from 'node:fs';

/** Numbers of CPUs as `taskset -c` takes them. */
export interface Cores {
  readonly contender: number;
  readonly others: number;
  /** Two hyperthreads of one core slow each other, so that costs are higher and noisier. */
  readonly shareACore: boolean;
}

/**
 * The first CPU that this process may use for all others, the last that is no hyperthread of the same core for contenders.
 * Throws where there is only one.
 */
export function chooseCores(): Cores {
  const status = readFileSync('/proc/self/status', 'latin1');
  const allowed = numbersOf(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0');
  return coresAmong(allowed, (cpu) => {
    const file = `/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`;
    try {
      return numbersOf(readFileSync(file, 'latin1').trim());
    } catch {
      return [cpu];
    }
  });
}

/** The same of what Linux tells. */
export function coresAmong(allowed: readonly number[], siblingsOf: (cpu: number) => readonly number[]): Cores {
  const [others, ...rest] = allowed;
  if (others === undefined || rest.length === 0) {
    throw new Error(
      'The bench needs two CPUs, one for the contender alone: give this process (container, cpuset) another.',
    );
  }
  const siblings = siblingsOf(others);
  const apart = rest.filter((cpu) => !siblings.includes(cpu));
  return { contender: (apart.at(-1) ?? rest.at(-1)) as number, others, shareACore: apart.length === 0 };
}

/** Reads Linux's lists of CPUs: `0-3,8`. */
export function numbersOf(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
