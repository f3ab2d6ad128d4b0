import type { TestContext } from 'node:test';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.ts';
import type { ProxyYamlOptions } from './proxy-yaml.ts';
import { type StartProxyOptions, startProxy } from './start-proxy.ts';

/** A Sluice that exports its spans to a collector of the test. */
export interface TracedProxy {
  readonly proxy: Awaited<ReturnType<typeof startProxy>>;
  readonly collector: OtlpReceiver;
  /** Closes Sluice, which sends what is waiting, and gives every span that was exported. */
  finish(): Promise<readonly ReceivedSpan[]>;
}

/** Starts both. `traces` are keys of `telemetry.traces`; nothing is sampled by default. */
export async function startTraced(
  t: TestContext,
  config: ProxyYamlOptions,
  traces: object = {},
  options: StartProxyOptions = {},
): Promise<TracedProxy> {
  const collector = await startOtlpReceiver();
  t.after(() => collector.close());
  const telemetry = { traces: { endpoint: collector.url, sample: 0, ...traces } };
  const proxy = await startProxy({ ...config, extra: { ...config.extra, telemetry } }, { t, ...options });
  return {
    proxy,
    collector,
    async finish() {
      await proxy.close();
      return collector.received;
    },
  };
}

/** The span of an exchange. */
export function serverSpan(spans: readonly ReceivedSpan[]): ReceivedSpan | undefined {
  return spans.find(({ kind }) => kind === 'server');
}

/** Spans of attempts, in their order. */
export function attemptSpans(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return spans.filter(({ attributes }) => attributes['sluice.attempt'] !== undefined);
}
