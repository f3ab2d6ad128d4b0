/**
 * `npm run bench:soak`: whether memory grows under full load, see BENCHMARKS.md. The default pipeline gets requests as fast
 * as it answers them, 100 streams at a time beside them, and clients that leave in the middle of a stream.
 *
 *     npm run bench:soak -- [--minutes 10] [--warm-up 3] [--out DIR] [--no-build]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildSluice } from './contenders/sluice.ts';
import { lineUp, names } from './line-up.ts';
import { ANSWER, BODY_BYTES } from './measures.ts';
import { residentBytes } from './process-tree.ts';
import { updatePage } from './report/between-markers.ts';
import { linesSvg } from './report/lines.ts';
import { leastSquares } from './report/statistics.ts';
import { progress, withBench } from './setting.ts';

const SAMPLE_MS = 5000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '3' },
    out: { type: 'string', default: fileURLToPath(new URL('results', import.meta.url)) },
    'no-build': { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const warmUpMinutes = Number(values['warm-up']);
if (!(minutes - warmUpMinutes >= 0.5 && warmUpMinutes >= 0)) {
  console.error('--minutes must be at least half a minute more than --warm-up');
  process.exit(2);
}

type Sample = readonly [minutes: number, megabytes: number];
let requests = 0;
let events = 0;

const samples = await withBench(async (bench): Promise<Sample[]> => {
  if (!values['no-build']) await buildSluice();
  const contender = lineUp(bench).find(({ name }) => name === names.b);
  if (contender === undefined) throw new Error(`${names.b} is not in the line-up`);
  const { processes } = bench;
  const { pid, target } = await processes.startContender(contender);
  const startedAt = performance.now();
  const minutesSoFar = () => (performance.now() - startedAt) / 60_000;
  const goesOn = () => minutesSoFar() < minutes && !bench.stopped;
  const load = { ...target, bodyBytes: BODY_BYTES };
  const closed = async () => {
    while (goesOn()) {
      await processes.load({ ...load, kind: 'closed', model: ANSWER, requests: 5000, concurrency: 64 });
      requests += 5000;
    }
  };
  const streams = async () => {
    while (goesOn()) await processes.load({ ...load, kind: 'streams', model: 'sse-200-10-200', streams: 100 });
  };
  const leavers = async () => {
    while (goesOn()) {
      // The client closes all connections of a task that takes longer than it has patience.
      const task = { ...load, kind: 'streams', model: 'sse-1000-10-200', streams: 20, patience: 1000 } as const;
      const left = await processes.load(task).then(
        () => false,
        (error: Error) => error.message.includes('took too long'),
      );
      if (!left && goesOn()) throw new Error('the clients that were to leave did not, or Sluice has failed them');
    }
  };
  const watch = async () => {
    const all: Sample[] = [];
    while (goesOn()) {
      await wait(SAMPLE_MS);
      const bytes = residentBytes(pid);
      if (bytes === 0) throw new Error('Sluice has ended');
      all.push([minutesSoFar(), bytes / 1e6]);
      if (all.length % 12 === 0) progress(`${minutesSoFar().toFixed(0)} minutes: ${(bytes / 1e6).toFixed(0)} MB`);
    }
    events = (await processes.received()).events;
    return all;
  };
  const [all] = await Promise.all([watch(), closed(), streams(), leavers()]);
  return all;
});

const counted = samples.filter(([at]) => at >= warmUpMinutes);
const { slope, standardError } = leastSquares(counted);
const most = Math.max(...counted.map(([, megabytes]) => megabytes));
const text =
  `Resident memory of ${names.b} over ${minutes} minutes of full load, the first ${warmUpMinutes} left out: ` +
  `${(slope * 60).toFixed(1)} ± ${(standardError * 60).toFixed(1)} MB an hour (slope and its standard error), at most ` +
  `${most.toFixed(0)} MB; ${requests} requests and ${events} events.`;
mkdirSync(values.out, { recursive: true });
writeFileSync(
  join(values.out, 'soak.json'),
  `${JSON.stringify({ minutes, warmUpMinutes, slope, standardError, samples })}\n`,
);
writeFileSync(join(values.out, 'soak.md'), `${text}\n`);
writeFileSync(
  join(values.out, 'soak.svg'),
  linesSvg('Memory under full load', [{ title: 'Memory under full load', x: 'minutes', y: 'MB', points: counted }]),
);
updatePage(join(values.out, 'BENCHMARKS.md'), 'soak', `${text}\n\n![The same as a plot](soak.svg)`);
console.log(text);
