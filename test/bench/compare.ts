/** The rounds of `npm run bench`: fills a {@link Result} for each contender, whose failure does not stop the others. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Contender, Running } from './contenders/contender.ts';
import { interleave } from './interleave.ts';
import {
  CHUNK_LOAD,
  cpuPerChunk,
  cpuPerChunkApart,
  cpuPerRequest,
  firstByteMs,
  residentWithStreams,
  SHORT_STREAM,
  steadyCostPerRequest,
  warmUp,
} from './measures.ts';
import { cpuNs, residentBytes } from './process-tree.ts';
import { emptyResult, type Result, type Results } from './report/results.ts';
import { quantile } from './report/statistics.ts';
import { type Bench, progress } from './setting.ts';

const REQUESTS = 6000;
/** How many are measured before the warm-up. */
const FIRST_REQUESTS = 2000;
const OPEN_REQUESTS = 2000;
const STREAM_WARM_UP_MS = 2000;
/** Fresh processes whose memory is looked at. */
const MEMORY_RUNS = 3;

interface Entry {
  readonly contender: Contender;
  readonly result: Result;
  running?: Running;
}

/** CPU and time to the first byte, in rounds; and memory. */
export async function compare(
  bench: Bench,
  contenders: readonly Contender[],
  rounds: number,
): Promise<Pick<Results, 'contenders' | 'direct'>> {
  const none = () => Array.from({ length: rounds }, (): number | null => null);
  const direct = { p50: none(), p99: none() };
  const entries = contenders.map((contender) => entryOf(contender, rounds));
  for (const entry of entries) await attempt(bench, entry, 'starts and warms up', () => begin(bench, entry));
  const alive = ({ result }: Entry) => result.failure === undefined;
  const provider: Pick<Running, 'target'> = {
    target: { url: `${bench.processes.upstream}/v1/chat/completions`, headers: {} },
  };
  await firstByteMs(bench.processes, provider, OPEN_REQUESTS);
  const before = async (round: number) => {
    const times = await firstByteMs(bench.processes, provider, OPEN_REQUESTS);
    direct.p50[round] = quantile(times, 0.5);
    direct.p99[round] = quantile(times, 0.99);
  };
  const measure = (entry: Entry, round: number) => {
    const own = { p50: direct.p50[round] ?? Number.NaN, p99: direct.p99[round] ?? Number.NaN };
    return attempt(bench, entry, `round ${round + 1} of ${rounds}`, () => measureOnce(bench, entry, round, own));
  };
  await interleave(entries, rounds, measure, { before, alive });
  for (const { running } of entries) if (running !== undefined) await bench.processes.end(running.pid);
  const look = (entry: Entry, run: number) =>
    attempt(bench, entry, `memory, ${run + 1} of ${MEMORY_RUNS}`, () => memoryOf(bench, entry));
  await interleave(entries, MEMORY_RUNS, look, { alive });
  return { direct, contenders: entries.map(({ result }) => result) };
}

function entryOf(contender: Contender, rounds: number): Entry {
  try {
    return { contender, result: emptyResult(contender.name, contender.version(), rounds) };
  } catch (error) {
    return { contender, result: { ...emptyResult(contender.name, '', rounds), failure: messageOf(error) } };
  }
}

async function attempt(bench: Bench, entry: Entry, step: string, run: () => Promise<void>): Promise<void> {
  const { result, contender } = entry;
  if (result.failure !== undefined || bench.stopped) return;
  progress(`${contender.name}: ${step}`);
  try {
    await run();
  } catch (error) {
    if (bench.stopped) return;
    result.failure = messageOf(error);
    progress(`${contender.name} is left out from here on: ${result.failure}`);
    if (entry.running !== undefined) await bench.processes.end(entry.running.pid);
  }
}

async function begin({ processes }: Bench, entry: Entry): Promise<void> {
  const running = await processes.startContender(entry.contender);
  entry.running = running;
  await warmUp(processes, running);
  await cpuPerChunk(processes, running, CHUNK_LOAD);
  await firstByteMs(processes, running, OPEN_REQUESTS / 2);
}

async function measureOnce(
  { processes }: Bench,
  { running, result: { samples } }: Entry,
  round: number,
  direct: { readonly p50: number; readonly p99: number },
): Promise<void> {
  if (running === undefined) return;
  samples.restedRequest[round] = (await cpuPerRequest(processes, running, FIRST_REQUESTS)).micros;
  await warmUp(processes, running);
  const request = await steadyCostPerRequest(processes, running, REQUESTS);
  samples.request[round] = request.micros;
  samples.requestBusy[round] = request.busy;
  samples.requestLoadBusy[round] = request.loadBusy;
  const chunk = await cpuPerChunkApart(processes, running, CHUNK_LOAD);
  samples.chunk[round] = chunk.micros;
  samples.chunkBusy[round] = chunk.busy;
  samples.chunkLoadBusy[round] = chunk.loadBusy;
  samples.chunksPerSecond[round] = chunk.perSecond;
  samples.eventsPerRead[round] = chunk.eventsPerRead;
  // Streams take another way than the answers before them.
  await warmUp(processes, running, STREAM_WARM_UP_MS, SHORT_STREAM);
  const before = cpuNs(running.pid);
  const times = await firstByteMs(processes, running, OPEN_REQUESTS);
  samples.openRequest[round] = (cpuNs(running.pid) - before) / 1000 / OPEN_REQUESTS;
  samples.ttft50[round] = quantile(times, 0.5) - direct.p50;
  samples.ttft99[round] = quantile(times, 0.99) - direct.p99;
}

/** Of a fresh process: before its first request, with 1,000 streams, and, of Sluice, with 5,000. */
async function memoryOf({ processes }: Bench, { contender, result: { name, memory } }: Entry): Promise<void> {
  const startedAt = performance.now();
  const running = await processes.startContender(contender);
  memory.readyMs.push(performance.now() - startedAt);
  try {
    await wait(1500);
    const idle = residentBytes(running.pid);
    memory.idle.push(idle);
    const counts = name.startsWith('Sluice') ? [1000, 5000] : [1000];
    const [first, second] = await residentWithStreams(processes, running, counts);
    if (first !== undefined) memory.perStreamAt1000.push((first - idle) / 1000);
    if (second !== undefined) memory.perStreamAt5000.push((second - idle) / 5000);
  } finally {
    await processes.end(running.pid);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
