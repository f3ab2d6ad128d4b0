/** What Linux tells of a process and all its children: CPU time and memory. */
import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds on a CPU so far, user and system, of all threads; `/proc/PID/stat` has ticks of 10 ms, too coarse here. */
export function cpuNs(pid: number): number {
  let nanoseconds = 0;
  for (const one of treeOf(pid)) {
    for (const thread of list(`/proc/${one}/task`)) {
      nanoseconds += Number(read(`/proc/${one}/task/${thread}/schedstat`).split(' ', 1)[0]);
    }
  }
  return nanoseconds;
}

/** Resident memory in bytes, of all processes. */
export function residentBytes(pid: number): number {
  let kibibytes = 0;
  for (const one of treeOf(pid)) kibibytes += Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${one}/status`))?.[1] ?? 0);
  return kibibytes * 1024;
}

function treeOf(root: number): number[] {
  const all = [root];
  for (const pid of all) {
    for (const thread of list(`/proc/${pid}/task`)) {
      for (const child of read(`/proc/${pid}/task/${thread}/children`).trim().split(' ')) {
        if (child !== '') all.push(Number(child));
      }
    }
  }
  return all;
}

/** Threads and processes end while one looks. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
