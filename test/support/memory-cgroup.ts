import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mounts = '/sys/fs/cgroup';
/** Version 2 has one tree for all that is limited, version 1 one for memory. */
const second = existsSync(join(mounts, 'cgroup.controllers'));
const tree = second ? mounts : join(mounts, 'memory');
const files = second
  ? {
      limit: 'memory.max',
      used: 'memory.current',
      most: 'memory.peak',
      kills: 'memory.events',
      swap: 'memory.swap.max',
    }
  : {
      limit: 'memory.limit_in_bytes',
      used: 'memory.usage_in_bytes',
      most: 'memory.max_usage_in_bytes',
      kills: 'memory.oom_control',
      swap: undefined,
    };

/** What the kernel counts for a group of processes, and kills above. */
export interface MemoryCgroup {
  /** The bytes in use, and the most there were; the cache of files that were read is included. */
  readonly used: number;
  readonly most: number;
  /** How many of its processes the kernel has killed because of the limit. */
  readonly kills: number;
  /** The command line that runs another one inside it from the first. */
  commandWithin(command: readonly string[]): string[];
  /** Fails while a process is in it. */
  remove(): void;
}

/** The group of that name directly below the root, for example one that a container runtime has made. */
export function memoryCgroup(name: string): MemoryCgroup {
  const path = join(tree, name);
  const read = (file: string) => readFileSync(join(path, file), 'utf8');
  return {
    get used() {
      return Number(read(files.used));
    },
    get most() {
      return Number(read(files.most));
    },
    get kills() {
      return Number(/^oom_kill (\d+)$/m.exec(read(files.kills))?.[1]);
    },
    commandWithin: (command) => [
      '/bin/sh',
      '-c',
      'echo $$ > "$0" && exec "$@"',
      join(path, 'cgroup.procs'),
      ...command,
    ],
    remove: () => rmdirSync(path),
  };
}

/** Makes a group with that limit; undefined where this process may not (it is not root, or in a container without it). */
export function makeMemoryCgroup(name: string, limitBytes: number): MemoryCgroup | undefined {
  const path = join(tree, name);
  try {
    mkdirSync(path);
    writeFileSync(join(path, files.limit), String(limitBytes));
    if (files.swap !== undefined && existsSync(join(path, files.swap))) writeFileSync(join(path, files.swap), '0');
    return memoryCgroup(name);
  } catch {
    if (existsSync(path)) rmdirSync(path);
    return undefined;
  }
}
