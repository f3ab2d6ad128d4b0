/**
 * The way of finished spans to the collector: a bounded queue, the SDK's batch processor and its OTLP/HTTP exporter.
 * This module and what it imports is loaded only when traces are on. A collector that is dead, slow or full costs
 * spans, never an exchange: what waits is bounded, every export has a deadline, and closing takes two seconds at most.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import { type RetryingTransport, replaceRetry } from './export-retry.ts';
import type { Log } from './log.ts';
import { SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION } from './semconv.ts';
import type { ExportState } from './tracing.ts';

/** Options of {@link createSpanExport}. */
export interface SpanExportOptions {
  /** Where batches are posted. */
  readonly url: string;
  readonly serviceName: string;
  readonly version: string;
  readonly batchMs: number;
}

/** Takes finished spans. */
export interface SpanExport {
  readonly resource: Resource;
  add(span: ReadableSpan): void;
  state(): ExportState;
  dropped(): number;
  close(): Promise<void>;
}

/** Spans that may wait or be under way; more are dropped and counted. */
const MAX_SPANS = 2048;
const MAX_BATCH = 512;
const EXPORT_TIMEOUT_MS = 5000;
const CLOSE_DEADLINE_MS = 2000;

/** Starts the export; close it at the end. */
export async function createSpanExport(options: SpanExportOptions, log: Log): Promise<SpanExport> {
  const resource = await describeService(options);
  const exporter = new WatchedExporter(options.url, log);
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: MAX_SPANS,
    maxExportBatchSize: MAX_BATCH,
    scheduledDelayMillis: options.batchMs,
    // The exporter below settles every batch within its own deadline; this one is only behind it.
    exportTimeoutMillis: exporter.deadlineMs + 1000,
  });
  let closing: Promise<void> | undefined;
  return {
    resource,
    add(span) {
      if (closing === undefined && exporter.admit()) processor.onEnd(span);
    },
    state: () => exporter.state,
    dropped: () => exporter.dropped,
    close() {
      closing ??= closeWithin(processor, exporter);
      return closing;
    },
  };
}

async function closeWithin(processor: BatchSpanProcessor, exporter: WatchedExporter): Promise<void> {
  const { promise: deadline, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, CLOSE_DEADLINE_MS);
  // A rejection says that the last batch failed, which the exporter has counted.
  await Promise.race([processor.shutdown().catch(() => {}), deadline]);
  clearTimeout(timer);
  exporter.destroy();
}

/** `service.*`, the SDK's name, and what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say; the latter win. */
async function describeService(options: SpanExportOptions): Promise<Resource> {
  const own = resourceFromAttributes({
    [SERVICE_NAME]: options.serviceName,
    [SERVICE_VERSION]: options.version,
    [SERVICE_INSTANCE_ID]: randomUUID(),
  });
  const detected = detectResources({ detectors: [envDetector] });
  await detected.waitForAsyncAttributes?.();
  return defaultResource().merge(own).merge(detected);
}

/** The SDK's exporter with a deadline for each batch, a count of what is under way, and one log line a change. */
class WatchedExporter implements SpanExporter {
  state: ExportState = 'unknown';
  dropped = 0;
  /** Milliseconds within which every batch is settled. */
  readonly deadlineMs: number;
  readonly #exporter: OTLPTraceExporter;
  readonly #agent: HttpAgent;
  readonly #retry: RetryingTransport;
  readonly #log: Log;
  #pending = 0;
  #lostSinceChange = 0;
  #closed = false;

  constructor(url: string, log: Log) {
    const timeoutMillis = timeoutFromEnvironment() ?? EXPORT_TIMEOUT_MS;
    this.deadlineMs = timeoutMillis + 500;
    this.#log = log;
    this.#agent = createAgent(url);
    this.#exporter = new OTLPTraceExporter({
      url,
      timeoutMillis,
      concurrencyLimit: 2 * (MAX_SPANS / MAX_BATCH),
      httpAgentOptions: () => this.#agent,
    });
    this.#retry = replaceRetry(this.#exporter);
  }

  /** Makes room for one more span; false when there is none, and then it is counted as dropped. */
  admit(): boolean {
    if (this.#closed || this.#pending >= MAX_SPANS) {
      this.#lose(1);
      return false;
    }
    this.#pending += 1;
    return true;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    let settled = false;
    const settle = (result: ExportResult) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      this.#pending -= spans.length;
      this.#record(result, spans.length);
      done(result);
    };
    // The exporter's own timeout watches an idle socket only: a collector that drips bytes would hold a batch for ever.
    const timer = setTimeout(() => {
      settle({ code: ExportResultCode.FAILED, error: new Error('the collector did not answer in time') });
      this.#agent.destroy();
    }, this.deadlineMs);
    timer.unref();
    this.#exporter.export(spans, settle);
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  /** Closes every connection, makes no more, and leaves no timer of a batch behind. */
  destroy(): void {
    this.#closed = true;
    this.#retry.stop();
    this.#agent.createConnection = (_options, done) => {
      done?.(new Error('tracing is closed'), undefined as never); // Node looks at the second only without the first
      return undefined;
    };
    this.#agent.destroy();
  }

  #record(result: ExportResult, count: number): void {
    const ok = result.code === ExportResultCode.SUCCESS;
    if (!ok) this.#lose(count);
    const before = this.state;
    this.state = ok ? 'ok' : 'failing';
    if (this.state === before || this.#closed) return;
    if (!ok) {
      const what = 'traces cannot be exported; spans are dropped until the collector takes them again';
      this.#log.warn({ err: result.error }, what);
    } else if (before === 'failing') {
      this.#log.info({ lost_spans: this.#lostSinceChange }, 'traces are exported again');
    }
    if (ok) this.#lostSinceChange = 0;
  }

  #lose(count: number): void {
    this.dropped += count;
    this.#lostSinceChange += count;
  }
}

/** OTEL_EXPORTER_OTLP_TRACES_TIMEOUT or OTEL_EXPORTER_OTLP_TIMEOUT in milliseconds, where set and sensible. */
function timeoutFromEnvironment(): number | undefined {
  const value = Number(process.env.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT ?? process.env.OTEL_EXPORTER_OTLP_TIMEOUT);
  return value > 0 && value <= 60_000 ? value : undefined;
}

/** An agent of our own, so that it can be closed; with the certificates of the standard variables. */
function createAgent(url: string): HttpAgent {
  if (!url.startsWith('https:')) return new HttpAgent({ keepAlive: true });
  const ca = certificate('CERTIFICATE');
  const cert = certificate('CLIENT_CERTIFICATE');
  const key = certificate('CLIENT_KEY');
  return new HttpsAgent({ keepAlive: true, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
}

function certificate(what: string): Buffer | undefined {
  const name = `OTEL_EXPORTER_OTLP_${what}`;
  const path = process.env[`OTEL_EXPORTER_OTLP_TRACES_${what}`] ?? process.env[name];
  if (path === undefined || path === '') return undefined;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Error(`${name} names a file that cannot be read`, { cause });
  }
}
