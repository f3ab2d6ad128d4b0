/**
 * Records the spans of one exchange. They are kept as plain times, attributes and events and become spans of the SDK
 * only when they have ended and are to be exported: an unsampled exchange makes ids and nothing else.
 */
import { type Attributes, SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { scrub } from './redact.ts';
import * as semconv from './semconv.ts';
import { Recording, type SpanOrigin, toSpan } from './span.ts';
import { formatTraceparent, type IdSource, isInShare, parseTraceparent, type TraceParent } from './trace-context.ts';
import type { AttemptEnd, AttemptStart, AttemptTrace, ExchangeEnd, ExchangeStart, ExchangeTrace } from './tracing.ts';

/** What all exchanges of one app share. */
export interface Recorder extends SpanOrigin {
  readonly ids: IdSource;
  /** Share of new traces that are recorded, from 0 to 1. */
  readonly share: number;
  /** Whether unsampled exchanges that failed are exported too. */
  readonly keepFailures: boolean;
  finish(span: ReadableSpan): void;
}

const MAX_PATH = 1024;

/** Begins the trace of an exchange, continuing the client's when its `traceparent` is valid. */
export function startExchange(recorder: Recorder, start: ExchangeStart): ExchangeTrace {
  const parent = parseTraceparent(start.traceparent);
  const traceId = parent?.traceId ?? recorder.ids.traceId();
  const sampled = parent?.sampled ?? isInShare(traceId, recorder.share);
  return new Exchange(recorder, start, parent, traceId, sampled);
}

class Exchange extends Recording implements ExchangeTrace {
  readonly traceId: string;
  readonly sampled: boolean;
  readonly recorder: Recorder;
  readonly tracestate: string | undefined;
  /** Ended attempts of an unsampled exchange, of which it is not yet known whether they are exported. */
  readonly #pending: ReadableSpan[] = [];
  readonly #start: ExchangeStart;
  readonly #parent: TraceParent | undefined;
  #spanId: string | undefined;
  /** Whether its spans are exported; undefined until that is known. */
  #kept: boolean | undefined;

  constructor(
    recorder: Recorder,
    start: ExchangeStart,
    parent: TraceParent | undefined,
    traceId: string,
    sampled: boolean,
  ) {
    super(sampled || recorder.keepFailures, start.startTime ?? performance.now());
    this.recorder = recorder;
    this.traceId = traceId;
    this.sampled = sampled;
    this.#kept = sampled ? true : this.recording ? undefined : false;
    this.#start = start;
    this.#parent = parent;
    // Without a valid traceparent the tracestate must not be used (W3C Trace Context §3.3.1).
    this.tracestate = parent === undefined || start.tracestate === '' ? undefined : start.tracestate;
  }

  get spanId(): string {
    this.#spanId ??= this.recorder.ids.spanId();
    return this.#spanId;
  }

  startAttempt(start: AttemptStart): AttemptTrace {
    return new Attempt(this, start);
  }

  end(end: ExchangeEnd): void {
    if (!Number.isNaN(this.endedAt)) return;
    this.endedAt = performance.now();
    if (!this.recording) return;
    const failed = end.status >= 500 || (end.outcome !== 'complete' && end.outcome !== 'replied');
    this.#kept ??= failed;
    if (this.#kept) {
      this.recorder.finish(this.#span(end, failed));
      for (const span of this.#pending) this.recorder.finish(span);
    }
    this.#pending.length = 0;
  }

  /** Takes the span of an attempt that has ended. */
  finishAttempt(span: ReadableSpan): void {
    if (this.#kept) this.recorder.finish(span);
    else if (this.#kept === undefined) this.#pending.push(span);
  }

  #span(end: ExchangeEnd, failed: boolean): ReadableSpan {
    const { method, route, path, requestId, clientAddress } = this.#start;
    const attributes: Attributes = {
      ...this.attributes,
      ...methodAttributes(method),
      [semconv.URL_SCHEME]: 'http',
      [semconv.URL_PATH]: scrub(path.length > MAX_PATH ? path.slice(0, MAX_PATH) : path),
      [semconv.SLUICE_OUTCOME]: end.outcome,
    };
    if (route !== undefined) attributes[semconv.HTTP_ROUTE] = route;
    if (requestId !== undefined) attributes[semconv.SLUICE_REQUEST_ID] = requestId;
    if (clientAddress !== undefined) attributes[semconv.CLIENT_ADDRESS] = clientAddress;
    if (end.status > 0) attributes[semconv.HTTP_STATUS] = end.status;
    if (end.bytesIn !== undefined) attributes[semconv.HTTP_REQUEST_BYTES] = end.bytesIn;
    if (end.bytesOut !== undefined) attributes[semconv.HTTP_RESPONSE_BYTES] = end.bytesOut;
    // A 4xx is no error of the server (HTTP conventions); what refused it is still worth finding.
    const errorType = end.errorType ?? (failed ? defaultErrorType(end) : undefined);
    if (errorType !== undefined) attributes[semconv.ERROR_TYPE] = errorType;
    const name = spanMethod(method);
    return toSpan(this.recorder, this, {
      traceId: this.traceId,
      tracestate: this.tracestate,
      name: route === undefined ? name : `${name} ${route}`,
      kind: SpanKind.SERVER,
      spanId: this.spanId,
      parent: this.#parent && { ...this.#parent, isRemote: true },
      attributes,
      failed,
    });
  }
}

function defaultErrorType(end: ExchangeEnd): string {
  return end.outcome === 'complete' || end.outcome === 'replied' ? String(end.status) : end.outcome;
}

class Attempt extends Recording implements AttemptTrace {
  readonly traceparent: string;
  readonly #exchange: Exchange;
  readonly #start: AttemptStart;
  readonly #spanId: string;

  constructor(exchange: Exchange, start: AttemptStart) {
    super(exchange.recording, exchange.recording ? performance.now() : 0);
    this.#exchange = exchange;
    this.#start = start;
    this.#spanId = exchange.recorder.ids.spanId();
    this.traceparent = formatTraceparent(exchange.traceId, this.#spanId, exchange.sampled);
  }

  get tracestate(): string | undefined {
    return this.#exchange.tracestate;
  }

  firstByte(): void {
    this.event(semconv.FIRST_BYTE_EVENT);
  }

  end(end: AttemptEnd): void {
    if (!this.recording || !Number.isNaN(this.endedAt)) return;
    this.endedAt = performance.now();
    this.#exchange.finishAttempt(this.#span(end));
  }

  #span(end: AttemptEnd): ReadableSpan {
    const { number, upstream, serverAddress, serverPort, method, dialect } = this.#start;
    const attributes: Attributes = {
      ...this.attributes,
      ...methodAttributes(method),
      [semconv.SERVER_ADDRESS]: serverAddress,
      [semconv.SERVER_PORT]: serverPort,
      [semconv.SLUICE_UPSTREAM]: upstream,
      [semconv.SLUICE_ATTEMPT]: number,
    };
    const provider = semconv.GEN_AI_PROVIDERS[dialect];
    if (provider !== undefined) attributes[semconv.GEN_AI_PROVIDER] = provider;
    if (number > 1) attributes[semconv.HTTP_RESEND_COUNT] = number - 1;
    if (end.status !== undefined) attributes[semconv.HTTP_STATUS] = end.status;
    // For a client span every 4xx and 5xx is an error, of the type of its status (HTTP conventions).
    const refused = end.status !== undefined && end.status >= 400 ? String(end.status) : undefined;
    const errorType = end.errorType ?? refused;
    if (errorType !== undefined) attributes[semconv.ERROR_TYPE] = errorType;
    const exchange = this.#exchange;
    return toSpan(exchange.recorder, this, {
      traceId: exchange.traceId,
      tracestate: exchange.tracestate,
      name: spanMethod(method),
      kind: SpanKind.CLIENT,
      spanId: this.#spanId,
      parent: { traceId: exchange.traceId, spanId: exchange.spanId, sampled: true, isRemote: false },
      attributes,
      failed: errorType !== undefined,
    });
  }
}

function methodAttributes(method: string): Attributes {
  if (semconv.KNOWN_METHODS.has(method)) return { [semconv.HTTP_METHOD]: method };
  return { [semconv.HTTP_METHOD]: semconv.OTHER_METHOD, [semconv.HTTP_METHOD_ORIGINAL]: method.slice(0, 32) };
}

function spanMethod(method: string): string {
  return semconv.KNOWN_METHODS.has(method) ? method : 'HTTP';
}
