/**
 * `npm run bench:scaling`: what Sluice costs when something grows, with the slope of each curve, see BENCHMARKS.md.
 *
 *     npm run bench:scaling -- [--only REGEX] [--rounds 3] [--out DIR] [--no-build]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from './contenders/contender.ts';
import { buildSluice, sluice } from './contenders/sluice.ts';
import { interleave } from './interleave.ts';
import { warmUp } from './measures.ts';
import { readBenchOptions } from './options.ts';
import { updatePage } from './report/between-markers.ts';
import { linesSvg, short } from './report/lines.ts';
import { median } from './report/statistics.ts';
import { markdownTable } from './report/table.ts';
import { type Curve, curves } from './scaling/curves.ts';
import { type Shape, shapeOf } from './scaling/shape.ts';
import { type Bench, progress, withBench } from './setting.ts';

interface Measured {
  readonly curve: Curve;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly shape: Shape;
}

const { only, rounds, out, build } = readBenchOptions({ rounds: 3 });
const measured = await withBench(async (bench) => {
  if (build) await buildSluice();
  const all: Measured[] = [];
  for (const curve of curves.filter(({ title }) => only.test(title))) all.push(await measure(bench, curve, rounds));
  return all;
});
write();

/** Medians of interleaved rounds over the values of one curve. */
async function measure(bench: Bench, curve: Curve, times: number): Promise<Measured> {
  const costs = new Map<number, number[]>(curve.values.map((value) => [value, []]));
  const running = new Map<number, Running>();
  const start = (value: number) => bench.processes.startContender(sluice(curve.title, curve.setting?.(value) ?? {}));
  const shared = curve.setting === undefined && curve.fresh !== true ? await start(0) : undefined;
  if (shared !== undefined) await warmUp(bench.processes, shared);
  const before = async (round: number) => progress(`${curve.title}: round ${round + 1} of ${times}`);
  const once = async (value: number) => {
    const own = shared ?? running.get(value) ?? (await start(value));
    if (shared === undefined && curve.fresh !== true && !running.has(value)) {
      running.set(value, own);
      await warmUp(bench.processes, own);
    }
    costs.get(value)?.push(await curve.measure(bench, own, value));
    if (curve.fresh === true) await bench.processes.end(own.pid);
  };
  await interleave(curve.values, times, once, { before });
  for (const { pid } of [...running.values(), ...(shared === undefined ? [] : [shared])])
    await bench.processes.end(pid);
  const points = curve.values.map((value) => [value, median(costs.get(value) ?? [])] as const);
  return { curve, points, shape: shapeOf(points) };
}

function write(): void {
  const rows = measured.map(({ curve, points, shape }) => [
    curve.title,
    slopeOf(curve, shape),
    shape.kind,
    points.map(([x, y]) => `${short(x)}: ${y.toPrecision(3)}`).join(', '),
  ]);
  const text = markdownTable(['what grows', 'slope', 'shape', 'medians'], rows);
  const plots = measured.map(({ curve, points }) => ({ ...curve, points }));
  mkdirSync(out, { recursive: true });
  const json = measured.map(({ curve: { title, x, y }, points, shape }) => ({ title, x, y, points, ...shape }));
  writeFileSync(join(out, 'scaling.json'), `${JSON.stringify(json, undefined, 1)}\n`);
  writeFileSync(join(out, 'scaling.md'), `${text}\n`);
  writeFileSync(join(out, 'scaling.svg'), linesSvg('What Sluice costs when something grows', plots));
  updatePage(join(out, 'BENCHMARKS.md'), 'scaling', `${text}\n\n![The same as plots](scaling.svg)`);
  console.log(text);
  progress(`results are in ${out}`);
}

function slopeOf({ y, per, perName }: Curve, { slope, standardError }: Shape): string {
  return `${(slope * per).toPrecision(3)} ± ${(standardError * per).toPrecision(1)} ${y} per ${perName}`;
}
