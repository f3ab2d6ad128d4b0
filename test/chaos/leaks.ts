/** What is open or held in this process. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How many resources of each kind keep the process alive (sockets, servers, timers …). */
export type Open = Readonly<Record<string, number>>;

/** Counts them now. */
export function openResources(): Open {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Resources of which there are more than before, in words; undefined when there are none. */
export function moreThan(before: Open, now: Open): string | undefined {
  const more = Object.entries(now).filter(([kind, count]) => count > (before[kind] ?? 0));
  return more.length === 0
    ? undefined
    : more.map(([kind, count]) => `${kind} ${before[kind] ?? 0} → ${count}`).join(', ');
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of heap in use after everything that can be collected was. */
export async function heapAfterGc(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
