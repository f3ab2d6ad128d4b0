/**
 * `npm run bench:telemetry`: what traces and usage reading cost Sluice, in CPU time for each request. Three processes of
 * each variant; the spread is that of their medians.
 */
import { compareVariants, costsTable } from './compare-variants.ts';
import { buildSluice } from './contenders/sluice.ts';
import { median } from './report/statistics.ts';
import { withBench } from './setting.ts';

const EVENTS = 33;
const shapes = [
  { name: 'JSON', model: 'json-1700', requests: 600 },
  { name: `SSE, ${EVENTS} events`, model: `sse-${EVENTS}-1-250`, requests: 200 },
] as const;

await withBench(async (bench) => {
  await buildSluice();
  const dialect = 'openai';
  const traced = (sample: number) => ({ dialect, telemetry: { traces: { endpoint: bench.collector, sample } } });
  const off = 'tracing off';
  const offToo = 'tracing off, usage off';
  const variants = {
    [off]: { dialect },
    'tracing 0 %': traced(0),
    'tracing 1 %': traced(0.01),
    'tracing 100 %': traced(1),
    [offToo]: { dialect, telemetry: { usage: 'off' } },
  };
  const costs = await compareVariants(bench, variants, shapes, { rounds: 9, processes: 3, warmUp: 3000 });
  console.log(costsTable(costs));
  const streams = costs.get(shapes[1].name);
  const usage = (median(streams?.get(off) ?? []) - median(streams?.get(offToo) ?? [])) / EVENTS;
  console.log(`\nReading usage: ${usage.toFixed(1)} µs an event`);
});
