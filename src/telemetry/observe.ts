/** Joins an exchange to its metrics, its trace and its line in the access log. */
import type { ProblemCode } from '../errors.ts';
import type { Context } from '../http/context.ts';
import type { ExchangeObserver, ExchangeRecord, ObservedAttempt, Observer, RefusedRecord } from '../http/observer.ts';
import type { UsageReport } from '../llm/usage.ts';
import type { Route } from '../pipeline/routes.ts';
import type { CommandOwner } from '../resources/redis-commands.ts';
import { tokensOf, writeAccess } from './access-log.ts';
import { AttemptTimes } from './attempt-times.ts';
import { NO_ROUTE } from './labels.ts';
import type { RootLog } from './log.ts';
import type { Metrics } from './metrics.ts';
import { recordOperation } from './record-operation.ts';
import type { AttemptTrace, ExchangeTrace, Tracing } from './tracing.ts';

/** Where exchanges are recorded. */
export interface Telemetry {
  readonly log: RootLog;
  readonly metrics: Metrics;
  /** Undefined: tracing is off, and the client's own trace context is passed on as it came. */
  readonly tracing: Tracing | undefined;
}

/** Makes the observer of one app. */
export function createObserver(telemetry: Telemetry): Observer {
  const { metrics } = telemetry;
  const settling = new Set<Promise<void>>();
  return {
    begin: (ctx, route) => new ObservedExchange(telemetry, settling, ctx, route),
    refused: (record) => recordRefusal(telemetry, record),
    connection: (change) => (change > 0 ? metrics.connections.inc() : metrics.connections.dec()),
    settled: async () => void (await Promise.all(settling)),
  };
}

class ObservedExchange implements ExchangeObserver {
  readonly #telemetry: Telemetry;
  /** Exchanges that have ended and wait for their usage. */
  readonly #settling: Set<Promise<void>>;
  readonly #ctx: Context;
  readonly #route: Route;
  readonly #trace: ExchangeTrace | undefined;
  /** Of the attempt that runs; undefined when none does. */
  #attemptAt: number | undefined;
  #attemptTrace: AttemptTrace | undefined;
  readonly #times = new AttemptTimes();

  #streaming = false;
  /** Of the last attempt. */
  #keyId: string | undefined;

  constructor(telemetry: Telemetry, settling: Set<Promise<void>>, ctx: Context, route: Route) {
    this.#telemetry = telemetry;
    this.#settling = settling;
    this.#ctx = ctx;
    this.#route = route;
    telemetry.metrics.activeRequests.inc();
    this.#trace = telemetry.tracing?.startExchange({
      traceparent: ctx.in.headers.get('traceparent'),
      tracestate: ctx.in.headers.get('tracestate'),
      trusted: ctx.trustsTrace,
      method: ctx.in.method,
      route: route.path,
      path: ctx.in.path,
      requestId: ctx.id,
      clientAddress: ctx.client.ip,
      startTime: ctx.startedAt,
    });
  }

  get commands(): CommandOwner | undefined {
    return this.#trace?.recording === true ? this.#trace : undefined;
  }

  attemptStarted(attempt: ObservedAttempt): void {
    const { info, host, port } = attempt.runtime;
    const at = performance.now();
    const trace = this.#trace?.startAttempt({
      number: attempt.number,
      upstream: info.name,
      serverAddress: host,
      serverPort: port,
      method: this.#ctx.in.method,
      dialect: info.dialect,
      keyId: attempt.keyId,
      at,
    });
    this.#keyId = attempt.keyId;
    this.#attemptAt = at;
    this.#attemptTrace = trace;
    if (trace === undefined) return;
    attempt.headers.put('traceparent', 'traceparent', trace.traceparent);
    if (trace.tracestate === undefined) attempt.headers.delete('tracestate');
    else attempt.headers.set('tracestate', trace.tracestate);
  }

  attemptAnswered(attempt: ObservedAttempt): void {
    this.#attemptTrace?.firstByte(attempt.answeredAt);
  }

  attemptEnded(attempt: ObservedAttempt, status: number, error: ProblemCode | 'aborted' | undefined): void {
    const startedAt = this.#attemptAt;
    const trace = this.#attemptTrace;
    if (startedAt === undefined) return;
    this.#attemptAt = undefined;
    this.#attemptTrace = undefined;
    const now = performance.now();
    this.#times.ended(attempt, now);
    const failure = error === 'aborted' ? 'client_abort' : error;
    const seconds = (now - startedAt) / 1000;
    this.#telemetry.metrics.upstream(attempt.runtime.info.name).attempt(failure ?? status, seconds);
    const { dispatchedAt, sentAt, timings } = attempt;
    const known = status > 0 ? status : undefined;
    trace?.end({ at: now, status: known, errorType: failure, dispatchedAt, sentAt, timings });
  }

  judged(policy: string, decision: string, milliseconds: number, enforced: boolean, at: number): void {
    this.#trace?.judged(policy, decision, milliseconds, enforced, at);
  }

  streaming(): void {
    this.#streaming = true;
    this.#telemetry.metrics.activeStreams.inc();
  }

  chunkDelay(milliseconds: number): void {
    this.#telemetry.metrics.chunkDelay.observe(milliseconds / 1000);
  }

  ended(record: ExchangeRecord): void {
    const { metrics } = this.#telemetry;
    metrics.activeRequests.dec();
    if (this.#streaming) metrics.activeStreams.dec();
    if (!(record.usage instanceof Promise)) {
      this.#record(record, record.usage);
      return;
    }
    const settled = record.usage
      .then((usage) => this.#record(record, usage))
      .finally(() => this.#settling.delete(settled));
    this.#settling.add(settled);
  }

  #record(record: ExchangeRecord, usage: UsageReport | undefined): void {
    const { metrics, log } = this.#telemetry;
    const ctx = this.#ctx;
    const { kind, status, code, policy, bytesIn, bytesOut, durationMs, ttfbMs, overheadMs } = record;
    if (overheadMs !== undefined) metrics.overhead.observe(overheadMs / 1000);
    const ttfb = ttfbMs === undefined ? undefined : ttfbMs / 1000;
    metrics.route(this.#route.path).exchange(ctx.in.method, status, kind, durationMs / 1000, ttfb, bytesIn, bytesOut);
    if (kind === 'client_abort') metrics.clientAbort(record.phase);
    if (record.undelivered > 0) metrics.undelivered.add(record.undelivered);
    const truncated = record.truncated ?? (kind === 'complete' && this.#unterminated(usage) ? 'terminator' : undefined);
    if (truncated !== undefined) metrics.upstream(ctx.upstream.name).truncated(truncated);
    recordOperation(metrics.genAi, ctx.dialect, record, usage, this.#times);
    if (log.infoEnabled) {
      writeAccess(log, {
        requestId: ctx.id,
        client: ctx.client.ip,
        route: this.#route.path,
        upstream: ctx.upstream.name,
        method: ctx.in.method,
        path: ctx.in.path,
        status,
        decision: policy === undefined ? undefined : { policy, code: code ?? 'response' },
        outcome: kind,
        code: policy === undefined ? code : undefined,
        bytesIn,
        bytesOut,
        ttfbMs,
        durationMs,
        attempts: record.attempts,
        keyId: this.#keyId,
        queueMs: this.#times.queuedMs + record.queuedMs,
        truncated,
        traceId: this.#trace?.traceId,
        identity: ctx.identityInLogs,
        model: record.facts?.model,
        responseModel: usage?.responseModel,
        finishReasons: usage?.finishReasons,
        tokens: usage && tokensOf(usage),
        ttftMs: usage?.firstTokenAt === undefined ? undefined : usage.firstTokenAt - ctx.startedAt,
      });
    }
    const at = ctx.startedAt + durationMs;
    const { facts } = record;
    this.#trace?.end({
      status,
      outcome: kind,
      errorType: code,
      bytesIn,
      bytesOut,
      at,
      ttfbMs,
      queuedMs: record.queuedMs,
      truncated,
      facts,
      usage,
    });
  }

  /** A stream of a known dialect whose end its framing tells and its dialect does not. */
  #unterminated(usage: UsageReport | undefined): boolean {
    return this.#streaming && usage?.terminated === false && usage.stopped === undefined;
  }
}

function recordRefusal({ log, metrics, tracing }: Telemetry, record: RefusedRecord): void {
  const { method, path, status, code, durationMs } = record;
  metrics.route(NO_ROUTE).exchange(method, status, 'replied', durationMs / 1000, undefined, 0, 0);
  const trace = tracing?.startExchange({
    ...record.trace,
    method,
    route: undefined,
    path,
    requestId: record.id,
    clientAddress: record.clientIp,
    startTime: performance.now() - durationMs,
  });
  trace?.end({ status, outcome: 'replied', errorType: code });
  if (!log.infoEnabled) return;
  writeAccess(log, {
    requestId: record.id,
    client: record.clientIp,
    route: undefined,
    upstream: undefined,
    method,
    path,
    status,
    decision: undefined,
    outcome: 'replied',
    code,
    bytesIn: 0,
    bytesOut: 0,
    ttfbMs: undefined,
    durationMs,
    attempts: 0,
    traceId: trace?.traceId,
    identity: undefined,
  });
}
