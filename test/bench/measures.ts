/** What is measured of one contender in one round. Costs are CPU time of its whole process tree. */
import { setTimeout as wait } from 'node:timers/promises';
import type { BenchProcesses } from './bench-processes.ts';
import type { Running } from './contenders/contender.ts';
import { cpuNs, residentBytes } from './process-tree.ts';
import type { Message } from './request-bytes.ts';

/** What something cost, and under which conditions. */
export interface Cost {
  /** Microseconds of CPU for each unit. */
  readonly micros: number;
  /** Share of the time that the contender was on its core; near 1 it was saturated, and work comes in batches. */
  readonly busy: number;
  /** The same of client and provider on the other core; near 1 they were the bottleneck. */
  readonly loadBusy: number;
  /** Units a second. */
  readonly perSecond: number;
}

/** The cost of events, and what the client saw of them. */
export interface ChunkCost extends Cost {
  /** Events that a read of the client brought; above 1 the contender (or somebody) has joined some. */
  readonly eventsPerRead: number;
}

/** Streams that run at once. */
export interface Streams {
  readonly streams: number;
  /** Milliseconds between the events of a stream. */
  readonly intervalMs: number;
  readonly eventBytes?: number;
  /** How long is measured. */
  readonly windowMs?: number;
}

const CONCURRENCY = 16;
/** Requests a second of the open loop. */
export const OPEN_RATE = 200;
/** Of a request's body. */
export const BODY_BYTES = 1500;
export const ANSWER = 'json-1700';
/** What the open loop asks for. */
export const SHORT_STREAM = 'sse-3-1-200';
/** 10,000 events a second. */
export const CHUNK_LOAD: Streams = { streams: 100, intervalMs: 10 };

/** CPU for a request with a small answer, as many at once as a busy game server has. */
export async function cpuPerRequest(
  processes: BenchProcesses,
  { pid, target }: Running,
  requests: number,
  options: Partial<Message> & { concurrency?: number } = {},
): Promise<Cost> {
  const { concurrency = CONCURRENCY, ...message } = options;
  const read = meter(processes, pid);
  const task = { model: ANSWER, bodyBytes: BODY_BYTES, ...message, requests, concurrency };
  await processes.load({ ...target, ...task, kind: 'closed' });
  return read(requests);
}

/** The same three times in a row; the one in the middle, for what else runs on a machine comes in bursts. */
export async function steadyCostPerRequest(...args: Parameters<typeof cpuPerRequest>): Promise<Cost> {
  const three = [await cpuPerRequest(...args), await cpuPerRequest(...args), await cpuPerRequest(...args)] as const;
  const [, middle] = three.toSorted((a, b) => a.micros - b.micros) as [Cost, Cost, Cost];
  return middle;
}

const WARM_UP_STEP = 1000;

/**
 * Sends requests for so many milliseconds. What compiles itself while it runs would else be measured while it does; and V8
 * forgets much of that when a process rests, as each does while the others are measured.
 */
export async function warmUp(
  processes: BenchProcesses,
  running: Running,
  milliseconds = 5000,
  model = ANSWER,
): Promise<void> {
  const until = performance.now() + milliseconds;
  while (performance.now() < until) await cpuPerRequest(processes, running, WARM_UP_STEP, { model });
}

/**
 * CPU for an event of a stream, the requests' own share left out: measured while all streams are open and none ends.
 * Events are what the client has received meanwhile, not what should have come: who cannot keep up must not look cheap.
 */
export async function cpuPerChunk(
  processes: BenchProcesses,
  { pid, target }: Running,
  load: Streams,
): Promise<ChunkCost> {
  const { streams, intervalMs, eventBytes = 200, windowMs = 1500 } = load;
  // The first streams are older than the last ones; all last longer than the window.
  const lifeMs = windowMs + SETTLE_MS + 500 + streams * 2;
  const model = `sse-${Math.ceil(lifeMs / intervalMs) + 1}-${intervalMs}-${eventBytes}`;
  let cost: ChunkCost | undefined;
  await processes.load({ ...target, kind: 'streams', model, bodyBytes: BODY_BYTES, streams }, async () => {
    await wait(SETTLE_MS);
    const before = await processes.received();
    const read = meter(processes, pid);
    await wait(windowMs);
    const after = await processes.received();
    const events = after.events - before.events;
    cost = { ...read(events), eventsPerRead: events / (after.reads - before.reads) };
  });
  if (cost === undefined) throw new Error(`${target.url}: not all streams have begun`);
  return cost;
}

const SETTLE_MS = 100;
/** Events that a read brings when nobody was in the way. */
const APART = 1.1;
const TRIES = 3;

/**
 * The same, again when other processes kept a core from the contender or the load for so long that events of a stream piled
 * up: what a read brings together costs less. Who is busy all the time piles them up by itself, and is measured so. Of
 * three tries that were disturbed the least disturbed one counts.
 */
export async function cpuPerChunkApart(processes: BenchProcesses, running: Running, load: Streams): Promise<ChunkCost> {
  let best = await cpuPerChunk(processes, running, load);
  for (let tries = 1; tries < TRIES && best.eventsPerRead > APART && best.busy < 0.85; tries++) {
    const next = await cpuPerChunk(processes, running, load);
    if (next.eventsPerRead < best.eventsPerRead) best = next;
  }
  return best;
}

/** Milliseconds from when a request was due to the first byte of its answer's body, at a fixed rate; sorted. */
export async function firstByteMs(
  processes: BenchProcesses,
  { target }: Pick<Running, 'target'>,
  requests: number,
): Promise<number[]> {
  const load = { model: SHORT_STREAM, bodyBytes: BODY_BYTES, requests, perSecond: OPEN_RATE };
  const times = await processes.load({ ...target, ...load, kind: 'open' });
  return times.toSorted((a, b) => a - b);
}

/**
 * Resident bytes with so many open streams that do next to nothing, for growing numbers of them. The streams are still open
 * when it returns: the contender must be ended then.
 */
export async function residentWithStreams(
  processes: BenchProcesses,
  { pid, target }: Running,
  counts: readonly number[],
): Promise<number[]> {
  const resident: number[] = [];
  let open = 0;
  for (const count of counts) {
    const load = { model: 'sse-120-1000-200', bodyBytes: BODY_BYTES, streams: count - open, kind: 'streams' } as const;
    const opened = Promise.withResolvers<void>();
    processes.load({ ...target, ...load }, async () => opened.resolve()).catch(opened.reject);
    await opened.promise;
    open = count;
    await wait(2500);
    resident.push(residentBytes(pid));
  }
  return resident;
}

/** Begins to measure; what it returns ends that and shares the cost out. */
function meter(processes: BenchProcesses, pid: number): (units: number) => Cost {
  const load = () => processes.loadPids.reduce((sum, one) => sum + cpuNs(one), 0);
  const loadBefore = load();
  const before = cpuNs(pid);
  const startedAt = performance.now();
  return (units) => {
    const spent = cpuNs(pid) - before;
    const ms = performance.now() - startedAt;
    return {
      micros: spent / 1000 / units,
      busy: spent / 1e6 / ms,
      loadBusy: (load() - loadBefore) / 1e6 / ms,
      perSecond: (units * 1000) / ms,
    };
  };
}
