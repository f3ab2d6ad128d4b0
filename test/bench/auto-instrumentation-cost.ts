/**
 * What `npm run start:auto` costs: CPU a request without traces, with Sluice's own, and with the auto-instrumentation, as
 * ratios in one run.
 *
 *     npm exec -- node --import tsx test/bench/auto-instrumentation-cost.ts
 */
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { compare, printCosts } from './cpu-per-request.ts';

const preload = new URL('../../src/telemetry/auto-instrumentation.ts', import.meta.url).href;
const collector = await startOtlpReceiver({ decode: false });
const auto = (ratio: number) => ({
  NODE_OPTIONS: `--import ${preload}`,
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: String(ratio),
});
const config = (sample: number) => ({ telemetry: { traces: { endpoint: collector.url, sample } } });
const variants = [
  { name: 'traces off' },
  { name: "Sluice's own, sample 0.01", config: config(0.01) },
  { name: "Sluice's own, sample 1", config: config(1) },
  { name: 'start:auto, 0.01 of all', config: config(0.01), env: auto(0.01) },
  { name: 'start:auto, all', config: config(1), env: auto(1) },
];
printCosts(await compare(variants, { rounds: 24, requests: 200, concurrency: 16 }));
await collector.close();
