/**
 * Traces: what the rest of Sluice sees of them. The SDK is loaded only when an endpoint is configured; nothing is
 * registered globally and no context is carried along: the exchange hands its trace to whoever needs it.
 */
import type { RequestFacts } from '../llm/request-facts.ts';
import type { UsageReport } from '../llm/usage.ts';
import type { Dialect, OutcomeKind } from '../policy.ts';
import type { CommandOwner } from '../resources/redis-commands.ts';
import type { ConnectTimings } from '../upstream/connector.ts';
import type { TruncationPhase } from './labels.ts';
import type { Log } from './log.ts';

/** Options of {@link createTracing}. */
export interface TracingOptions {
  /** OTLP/HTTP base URL, e.g. `http://jaeger:4318`; `/v1/traces` is added where it is missing. Empty: tracing is off. */
  readonly endpoint: string;
  /** Share of new traces that are recorded, from 0 to 1. A trace begun elsewhere keeps its own decision. */
  readonly sample: number;
  /** `service.version`. */
  readonly version: string;
  /** `service.name` unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say otherwise; `sluice` by default. */
  readonly serviceName?: string;
  /**
   * Also export unsampled exchanges that went wrong, made from what was kept of them: a 5xx, an abort, a truncation, an
   * error inside a stream, a fault of a policy, an attempt that failed. True by default.
   */
  readonly keepErrors?: boolean;
  /** And those whose first byte came to the client later than so many milliseconds; 0: none. 30,000 by default. */
  readonly keepSlowMs?: number;
  /** Milliseconds after which finished spans are sent at the latest; 1,000 by default. */
  readonly batchMs?: number;
}

/** What is known of an exchange when it begins. */
export interface ExchangeStart {
  /** The inbound header, valid or not. */
  readonly traceparent?: string | undefined;
  /** The inbound header, several lines joined with a comma. It is passed on unchanged. */
  readonly tracestate?: string | undefined;
  /** False at a trust boundary: a new trace is begun, linked to the inbound one. True by default. */
  readonly trusted?: boolean;
  readonly method: string;
  /** The route's path; undefined when none matched. */
  readonly route: string | undefined;
  /** Without its query. */
  readonly path: string;
  readonly requestId?: string;
  readonly clientAddress?: string;
  /** When the request's headers had come, by `performance.now()`; now by default. */
  readonly startTime?: number;
}

/** How an exchange ended. */
export interface ExchangeEnd {
  /** Sent to the client; 0 when none was. */
  readonly status: number;
  readonly outcome: OutcomeKind;
  /** The problem's code, where there was one. */
  readonly errorType?: string | undefined;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  /** When it ended, by `performance.now()`; now by default. */
  readonly at?: number;
  /** From the request's headers to the first byte to the client. */
  readonly ttfbMs?: number | undefined;
  /** How long policies made it wait in queues. */
  readonly queuedMs?: number | undefined;
  /** Where the last attempt's response was cut. */
  readonly truncated?: TruncationPhase | undefined;
  /** What was asked of a model. */
  readonly facts?: RequestFacts | undefined;
  /** What the last attempt's answer told. */
  readonly usage?: UsageReport | undefined;
}

/** The trace of one exchange: its server span. Redis commands tell it what became of them. */
export interface ExchangeTrace extends CommandOwner {
  /** 32 hexadecimal digits; for the access log. */
  readonly traceId: string;
  /** Whether its spans are exported. */
  readonly sampled: boolean;
  /** Whether anything is kept of it: what is not sampled may turn out bad or slow. */
  readonly recording: boolean;
  /** A policy has judged, `at` (by `performance.now()`; now by default). At most 128 judgements are kept. */
  judged(policy: string, decision: string, milliseconds: number, enforced: boolean, at?: number): void;
  startAttempt(start: AttemptStart): AttemptTrace;
  /** Ends the server span; only the first call counts. */
  end(end: ExchangeEnd): void;
}

/** What is known of an attempt when it begins. */
export interface AttemptStart {
  /** 1 for the first. */
  readonly number: number;
  /** The upstream's name. */
  readonly upstream: string;
  readonly serverAddress: string;
  readonly serverPort: number;
  readonly method: string;
  readonly dialect: Dialect;
  /** Short id of the provider key that it carries. */
  readonly keyId?: string | undefined;
  /** By `performance.now()`; now by default. */
  readonly at?: number;
}

/** How an attempt ended. */
export interface AttemptEnd {
  /** By `performance.now()`; now by default. */
  readonly at?: number;
  /** Of the upstream's response; undefined when there was none. */
  readonly status?: number | undefined;
  /** The failure's code, or `client_abort`. */
  readonly errorType?: string | undefined;
  /** When it was handed to the pool, and when its head was on a connection, by `performance.now()`. */
  readonly dispatchedAt?: number | undefined;
  readonly sentAt?: number | undefined;
  /** Of the connection that was opened for it. */
  readonly timings?: ConnectTimings | undefined;
}

/** The trace of one attempt: a client span below the exchange's, exported with it. */
export interface AttemptTrace {
  /** To be sent upstream. */
  readonly traceparent: string;
  /** To be sent upstream; when undefined the client's own must be removed. */
  readonly tracestate: string | undefined;
  /** The first byte of the response has come, `at` (by `performance.now()`; now by default). */
  firstByte(at?: number): void;
  /** Ends the client span; only the first call counts. It may come after the exchange's end. */
  end(end: AttemptEnd): void;
}

/** How the export of spans is going; `unknown` until the first batch. */
export type ExportState = 'unknown' | 'ok' | 'failing';

/** Tracing of one app. */
export interface Tracing {
  startExchange(start: ExchangeStart): ExchangeTrace;
  exportState(): ExportState;
  /** Spans given up: the queue was full, or the collector did not take them. */
  dropped(): number;
  /** Sends what is waiting, for at most two seconds, and closes the connections. Never rejects. */
  close(): Promise<void>;
}

/**
 * Sets tracing up; undefined when `endpoint` is empty. Headers, timeout, compression and certificates of the exporter
 * come from the standard variables (OTEL_EXPORTER_OTLP_HEADERS and so on).
 * @throws Error when the endpoint is not an http(s) URL; the message says what would be right.
 */
export async function createTracing(options: TracingOptions, log: Log): Promise<Tracing | undefined> {
  if (options.endpoint === '') return undefined;
  const url = tracesUrl(options.endpoint);
  const [{ createSpanExport }, { startExchange }, { createIds, shareOf }] = await Promise.all([
    import('./span-export.ts'),
    import('./exchange-trace.ts'),
    import('./trace-context.ts'),
  ]);
  const spans = await createSpanExport(
    {
      url,
      serviceName: options.serviceName ?? 'sluice',
      version: options.version,
      batchMs: options.batchMs ?? 1000,
    },
    log,
  );
  const recorder = {
    ids: createIds(),
    inShare: shareOf(options.sample),
    keepErrors: options.keepErrors ?? true,
    keepSlowMs: options.keepSlowMs ?? 30_000,
    scope: { name: 'sluice', version: options.version },
    resource: spans.resource,
    finish: spans.add,
  };
  return {
    startExchange: (start) => startExchange(recorder, start),
    exportState: spans.state,
    dropped: spans.dropped,
    close: spans.close,
  };
}

/** The URL that spans are posted to. Does not repeat the endpoint in its message: it may hold a password. */
function tracesUrl(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Error(
      'telemetry.traces.endpoint must be the http:// or https:// URL of an OTLP/HTTP receiver, e.g. http://jaeger:4318',
    );
  }
  if (!url.pathname.endsWith('/v1/traces')) url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.href;
}
