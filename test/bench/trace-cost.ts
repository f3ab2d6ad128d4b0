/**
 * What traces cost: CPU a request with tracing off and with shares of 0 %, 1 % and 100 %, as ratios in one run.
 *
 *     npm exec -- node --import tsx test/bench/trace-cost.ts
 */
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { compare, printCosts } from './cpu-per-request.ts';

const collector = await startOtlpReceiver({ decode: false });
const traces = (sample: number, more: object = {}) => ({
  telemetry: { traces: { endpoint: collector.url, sample, ...more } },
});
const variants = [
  { name: 'traces off' },
  { name: 'off again (how far the rounds differ)' },
  { name: 'sample 0, nothing kept', config: traces(0, { keep_errors: false, keep_slow: 0 }) },
  { name: 'sample 0', config: traces(0) },
  { name: 'sample 0.01', config: traces(0.01) },
  { name: 'sample 1', config: traces(1) },
];
printCosts(await compare(variants, { rounds: 40, requests: 250, concurrency: 16 }));
await collector.close();
