/** What is measured of one contender in one round. Costs are CPU time of its whole process tree. */
import type { BenchProcesses } from './bench-processes.ts';
import type { Running } from './contenders/contender.ts';
import { cpuNs, residentBytes } from './process-tree.ts';

/** How much one measurement runs. */
export interface Amounts {
  readonly requests: number;
  readonly streams: number;
  readonly eventsPerStream: number;
  readonly intervalMs: number;
  readonly openRequests: number;
}

const CONCURRENCY = 16;
/** Of a request's body. */
export const BODY_BYTES = 1500;
export const ANSWER = 'json-1700';

/** Microseconds of CPU for a request with a small answer. */
export async function cpuPerRequest(
  processes: BenchProcesses,
  { pid, target }: Running,
  requests: number,
  options: { model?: string; bodyBytes?: number; concurrency?: number } = {},
): Promise<number> {
  const { model = ANSWER, bodyBytes = BODY_BYTES, concurrency = CONCURRENCY } = options;
  const before = cpuNs(pid);
  await processes.load({ ...target, kind: 'closed', model, bodyBytes, requests, concurrency });
  return (cpuNs(pid) - before) / 1000 / requests;
}

/** Microseconds of CPU for an event of a stream, the requests' own share left out of it. */
export async function cpuPerChunk(
  processes: BenchProcesses,
  { pid, target }: Running,
  amounts: Pick<Amounts, 'streams' | 'eventsPerStream' | 'intervalMs'> & { readonly eventBytes?: number },
): Promise<number> {
  const { streams, eventsPerStream, intervalMs, eventBytes = 200 } = amounts;
  // Each stream's middle: all are open, none ends.
  const model = `sse-${eventsPerStream}-${intervalMs}-${eventBytes}`;
  let spent = 0;
  let events = 0;
  await processes.load({ ...target, kind: 'streams', model, bodyBytes: BODY_BYTES, streams }, async () => {
    const before = cpuNs(pid);
    const startedAt = performance.now();
    await new Promise((resolve) => setTimeout(resolve, (eventsPerStream * intervalMs) / 2));
    spent = cpuNs(pid) - before;
    events = (streams * (performance.now() - startedAt)) / intervalMs;
  });
  return spent / 1000 / events;
}

/** Milliseconds from when a request was due to its first byte, at a fixed rate; sorted. */
export async function firstByteMs(
  processes: BenchProcesses,
  { target }: Pick<Running, 'target'>,
  requests: number,
): Promise<number[]> {
  const model = 'sse-3-1-200';
  const times = await processes.load({
    ...target,
    kind: 'open',
    model,
    bodyBytes: BODY_BYTES,
    requests,
    perSecond: 200,
  });
  return times.toSorted((a, b) => a - b);
}

/** Resident bytes with so many open streams, and before them. */
export async function memoryOfStreams(
  processes: BenchProcesses,
  { pid, target }: Running,
  streams: number,
): Promise<{ readonly idle: number; readonly perStream: number }> {
  const idle = residentBytes(pid);
  let open = idle;
  const seconds = 4 + streams / 400;
  const model = `sse-${Math.ceil(seconds)}-1000-200`;
  await processes.load({ ...target, kind: 'streams', model, bodyBytes: BODY_BYTES, streams }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 2500));
    open = residentBytes(pid);
  });
  return { idle, perStream: (open - idle) / streams };
}
