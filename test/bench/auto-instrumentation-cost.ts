/**
 * What `npm run start:auto` costs: CPU a request without traces, with Sluice's own, and with the auto-instrumentation, as
 * ratios in one run. From source: what is bundled is not instrumented.
 *
 *     node test/bench/auto-instrumentation-cost.ts
 */
import { compareVariants, costsTable } from './compare-variants.ts';
import { withBench } from './setting.ts';

const preload = new URL('../../src/telemetry/auto-instrumentation.ts', import.meta.url).href;

await withBench(async (bench) => {
  const own = (sample: number) => ({
    dialect: 'openai',
    fromSource: true,
    telemetry: { traces: { endpoint: bench.collector, sample } },
  });
  const auto = (ratio: number) => ({
    ...own(ratio),
    env: {
      NODE_OPTIONS: `--import ${preload}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: bench.collector,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: `${ratio}`,
    },
  });
  const variants = {
    'traces off': { dialect: 'openai', fromSource: true },
    "Sluice's own, sample 0.01": own(0.01),
    "Sluice's own, sample 1": own(1),
    'start:auto, 0.01 of all': auto(0.01),
    'start:auto, all': auto(1),
  };
  const shapes = [{ name: 'JSON', model: 'json-1700', requests: 1000 }];
  console.log(costsTable(await compareVariants(bench, variants, shapes, { rounds: 9, processes: 2, warmUp: 4000 })));
});
