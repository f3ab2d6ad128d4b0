/**
 * `npm run bench`: Sluice and its neighbours in one run, see BENCHMARKS.md.
 *
 *     npm run bench -- [--only REGEX] [--rounds 7] [--out DIR] [--no-build]
 *
 * `--only` takes those contenders whose names match. Writes results.json, results.md and results.svg into the folder
 * (test/bench/results, which git ignores) and, where a BENCHMARKS.md is in it, its table. Exit code 1: Sluice or
 * http-proxy-3, without which nothing can be said, was not measured; 2: wrong arguments.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare } from './compare.ts';
import { buildSluice } from './contenders/sluice.ts';
import { lineUp, names } from './line-up.ts';
import { type BenchOptions, readBenchOptions } from './options.ts';
import { updatePage } from './report/between-markers.ts';
import { thisMachine } from './report/machine.ts';
import { plot, report } from './report/report.ts';
import type { Ready, Results } from './report/results.ts';
import { type Bench, progress, withBench } from './setting.ts';

const options = readBenchOptions({ rounds: 7 });
const results = await withBench((bench) => run(bench, options));
write(results, options.out);
process.exitCode = missing(results, options.only) ? 1 : 0;

async function run(bench: Bench, { only, rounds, build }: BenchOptions): Promise<Results> {
  const began = new Date();
  if (build) {
    progress('builds the bundle');
    await buildSluice();
  }
  const contenders = lineUp(bench).filter(({ name }) => only.test(name));
  if (contenders.length === 0)
    throw new Error(`--only ${only.source} matches nobody of: ${Object.values(names).join(', ')}, …`);
  const compared = await compare(bench, contenders, rounds);
  const ready = contenders.some(({ name }) => name.startsWith('Sluice')) ? await startsOfSluice() : [];
  const seconds = (Date.now() - began.getTime()) / 1000;
  const machine = thisMachine(bench.processes.cores);
  return { startedAt: began.toISOString(), seconds, rounds, machine, ...compared, ready };
}

/** The start is measured on all cores, by itself. A failure there leaves the rest of the bench as it is. */
async function startsOfSluice(): Promise<Ready[]> {
  const module = new URL('time-to-ready.ts', import.meta.url);
  if (!existsSync(module)) return [];
  progress('time to ready');
  try {
    const { timeToReady } = (await import(module.href)) as { timeToReady(options: object): Promise<Ready[]> };
    return (await timeToReady({})).map(({ name, medianMs, minMs, maxMs }) => ({ name, medianMs, minMs, maxMs }));
  } catch (error) {
    progress(`time to ready was not measured: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

function write(all: Results, out: string): void {
  const text = report(all);
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'results.json'), `${JSON.stringify(all, undefined, 1)}\n`);
  writeFileSync(join(out, 'results.md'), `${text}\n`);
  writeFileSync(join(out, 'results.svg'), plot(all));
  updatePage(join(out, 'BENCHMARKS.md'), 'results', `${text}\n\n![CPU of proxies](results.svg)`);
  console.log(text);
  progress(`results are in ${out}`);
}

/** Only what was asked for can be missing. */
function missing({ contenders }: Results, only: RegExp): boolean {
  const needed = [names.a, names.b, names.c, names.d, names.httpProxy3].filter((name) => only.test(name));
  return needed.some((name) => contenders.find((one) => one.name === name)?.failure !== undefined);
}
