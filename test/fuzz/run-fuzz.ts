/** Runs cases over several lanes at once, and says what came of them. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Case, makeCase } from './cases.ts';
import { validRequests } from './corpus.ts';
import { Lane, type Violation } from './lane.ts';

/** What to run. */
export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  /** Replays this case alone. */
  readonly only?: number | undefined;
}

/** What came of it. */
export interface FuzzResult {
  readonly cases: number;
  /** At most {@link mostViolations}, each ready to be read. */
  readonly violations: readonly string[];
  /** Heap in use afterwards, beyond what it was before, in bytes. */
  readonly heapGrowth: number;
  /** Of `/metrics` of every lane, summed. */
  readonly activeRequests: number;
  readonly totals: {
    requests: number;
    attempts: number;
    answeredAttempts: number;
    arrived: number;
    readByNode: number;
  };
  /** Lines for people. */
  readonly report: readonly string[];
}

const laneCount = 8;
const mostViolations = 5;

/** Runs the cases. Rejects only when the harness itself fails. */
export async function runFuzz({ seed, count, only }: FuzzOptions): Promise<FuzzResult> {
  const violations: string[] = [];
  const blame = ({ index, what }: Violation) => {
    if (violations.length < mostViolations) violations.push(describe(seed, index, what));
  };
  const lanes = await Promise.all(Array.from({ length: only === undefined ? laneCount : 1 }, () => Lane.start(blame)));
  const running = () => lanes.map(({ index }) => index).join(', ');
  const raised = (error: unknown) =>
    blame({ index: undefined, what: `raised while ${running()} ran: ${stackOf(error)}` });
  const exited = () => console.error(`The process exits while the cases ${running()} of seed ${seed} run.`);
  process.on('uncaughtException', raised).on('unhandledRejection', raised).once('exit', exited);
  const ordinary = (index: number): Case => {
    const bytes = Buffer.from(validRequests[0] ?? '', 'latin1');
    return { index, bytes, writes: [bytes] };
  };
  try {
    // The first requests load and compile what stays: they are no growth.
    for (let i = 0; i < 50; i++) await Promise.all(lanes.map((lane, k) => lane.run(ordinary(count + 50 * k + i))));
    const heapBefore = await heapInUse();
    const started = performance.now();
    let next = only ?? 0;
    const end = only === undefined ? count : only + 1;
    await Promise.all(
      lanes.map(async (lane) => {
        while (next < end && violations.length < mostViolations) await lane.run(makeCase(seed, next++));
      }),
    );
    const seconds = (performance.now() - started) / 1000;
    for (const [k, lane] of lanes.entries()) {
      const index = count + 1_000 + k;
      const statuses = await lane.run(ordinary(index));
      if (statuses.join() !== '200') blame({ index, what: `an ordinary request afterwards was answered ${statuses}` });
    }
    const activeRequests = await settledActive(lanes);
    const heapGrowth = (await heapInUse()) - heapBefore;
    await Promise.all(lanes.map((lane) => lane.close()));
    const totals = { requests: 0, attempts: 0, answeredAttempts: 0, arrived: 0, readByNode: 0 };
    for (const { counts, upstream } of lanes) {
      for (const key of ['requests', 'attempts', 'answeredAttempts', 'arrived'] as const) totals[key] += counts[key];
      totals.readByNode += upstream.readByNode;
    }
    const cases = Math.min(next, end) - (only ?? 0);
    const report = [
      `seed ${seed}: ${cases} cases in ${seconds.toFixed(1)} s, ${Math.round(cases / seconds)} a second`,
      `Node's parser read ${totals.requests} whole requests from the clients; Sluice sent ${totals.attempts} attempts ` +
        `on ${lanes.reduce((sum, { upstream }) => sum + upstream.connections, 0)} connections, of which the upstream read ` +
        `${totals.arrived} whole requests and Node's parser ${totals.readByNode}`,
      `answers by status: ${statusesOf(lanes)}`,
      `heap grew by ${(heapGrowth / 2 ** 20).toFixed(1)} MiB; ${activeRequests} exchanges are left`,
    ];
    return { cases, violations, heapGrowth, activeRequests, totals, report };
  } finally {
    process.off('uncaughtException', raised).off('unhandledRejection', raised).off('exit', exited);
  }
}

function describe(seed: number, index: number | undefined, what: string): string {
  if (index === undefined) return what;
  const { writes } = makeCase(seed, index);
  const parts = writes.map((part) => JSON.stringify(part.toString('latin1'))).join(',\n  ');
  return `case ${index}: ${what}\n  SLUICE_FUZZ_SEED=${seed} SLUICE_FUZZ_ONLY=${index} replays it; it sends\n  ${parts}`;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function statusesOf(lanes: readonly Lane[]): string {
  const sum = new Map<number, number>();
  for (const { counts } of lanes)
    for (const [status, n] of counts.statuses) sum.set(status, (sum.get(status) ?? 0) + n);
  return [...sum]
    .sort(([a], [b]) => a - b)
    .map(([status, n]) => `${status}: ${n}`)
    .join(', ');
}

/** The exchanges that run, once there are none or after 5 s. */
async function settledActive(lanes: readonly Lane[]): Promise<number> {
  for (let wait = 0; ; wait += 100) {
    const texts = await Promise.all(lanes.map(({ proxy }) => proxy.metrics()));
    const active = texts.reduce(
      (sum, text) => sum + Number(/^sluice_active_requests (\d+)$/m.exec(text)?.[1] ?? Number.NaN),
      0,
    );
    if (active === 0 || wait >= 5_000) return active;
    await sleep(100);
  }
}

async function heapInUse(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  // What a collection frees may hold others by finalizers: twice, a turn apart.
  for (let i = 0; i < 2; i++) {
    await turn();
    collect();
  }
  return process.memoryUsage().heapUsed;
}
