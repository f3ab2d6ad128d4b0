/**
 * Records the trace of one exchange: times, judgements, attempts, commands, in as little as they fit in. They become
 * spans of the SDK when the exchange has ended and is to be exported: one that is neither sampled nor bad nor slow makes
 * ids and nothing else.
 */
import { type Attributes, SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { CommandOwner, RedisCommand } from '../resources/redis-commands.ts';
import { AttemptRecord } from './attempt-trace.ts';
import { commandSpan } from './command-span.ts';
import { methodAttributes, spanMethod } from './http-attributes.ts';
import { Judgements } from './judgements.ts';
import { scrub } from './redact.ts';
import * as semconv from './semconv.ts';
import { type SpanOrigin, type SpanParts, toSpan } from './span.ts';
import { type IdSource, parseTraceparent, type TraceParent } from './trace-context.ts';
import type { AttemptStart, AttemptTrace, ExchangeEnd, ExchangeStart, ExchangeTrace } from './tracing.ts';

/** What all exchanges of one app share. */
export interface Recorder extends SpanOrigin {
  readonly ids: IdSource;
  /** Whether a new trace is recorded. */
  readonly inShare: (traceId: string) => boolean;
  /** Whether unsampled exchanges that went wrong are exported too. */
  readonly keepErrors: boolean;
  /** And those whose first byte came later than so many milliseconds; 0: none. */
  readonly keepSlowMs: number;
  finish(span: ReadableSpan): void;
}

const MAX_PATH = 1024;
const MAX_COMMANDS = 64;

/** Begins the trace of an exchange, continuing the client's when its `traceparent` is valid and may be believed. */
export function startExchange(recorder: Recorder, start: ExchangeStart): ExchangeTrace {
  return new RecordedExchange(recorder, start);
}

/** See the module. */
export class RecordedExchange implements ExchangeTrace, CommandOwner {
  readonly recorder: Recorder;
  readonly traceId: string;
  readonly sampled: boolean;
  readonly recording: boolean;
  readonly tracestate: string | undefined;
  readonly #start: ExchangeStart;
  readonly #startedAt: number;
  readonly #parent: TraceParent | undefined;
  readonly #link: TraceParent | undefined;
  #spanId: string | undefined;
  #judgements: Judgements | undefined;
  #attempts: AttemptRecord[] | undefined;
  #last: AttemptRecord | undefined;
  #commands: RedisCommand[] | undefined;
  #end: ExchangeEnd | undefined;
  /** Whether its spans are exported; decided at its end. */
  #kept = false;

  constructor(recorder: Recorder, start: ExchangeStart) {
    const inbound = parseTraceparent(start.traceparent);
    const trusted = start.trusted !== false;
    this.recorder = recorder;
    this.#start = start;
    this.#parent = trusted ? inbound : undefined;
    this.#link = trusted ? undefined : inbound;
    this.traceId = this.#parent?.traceId ?? recorder.ids.traceId();
    this.sampled = this.#parent?.sampled ?? recorder.inShare(this.traceId);
    this.recording = this.sampled || recorder.keepErrors || recorder.keepSlowMs > 0;
    this.#startedAt = start.startTime ?? performance.now();
    // Without a valid traceparent the tracestate must not be used (W3C Trace Context §3.3.1).
    this.tracestate = this.#parent === undefined || start.tracestate === '' ? undefined : start.tracestate;
  }

  get spanId(): string {
    this.#spanId ??= this.recorder.ids.spanId();
    return this.#spanId;
  }

  judged(policy: string, decision: string, milliseconds: number, enforced: boolean, at = performance.now()): void {
    if (!this.recording) return;
    this.#judgements ??= new Judgements();
    this.#judgements.add(policy, decision, milliseconds, enforced, at);
  }

  startAttempt(start: AttemptStart): AttemptTrace {
    const attempt = new AttemptRecord(this, start);
    if (this.recording) {
      this.#attempts ??= [];
      this.#attempts.push(attempt);
      this.#last = attempt;
    }
    return attempt;
  }

  /** An attempt has ended; when the exchange has too, its span is due. */
  attemptEnded(attempt: AttemptRecord): void {
    if (this.#end !== undefined && this.#kept) this.recorder.finish(attempt.toSpan(this.#end, attempt === this.#last));
  }

  command(command: RedisCommand): void {
    if (!this.recording) return;
    if (this.#end !== undefined) {
      if (this.#kept) this.recorder.finish(commandSpan(this, command));
      return;
    }
    this.#commands ??= [];
    if (this.#commands.length < MAX_COMMANDS) this.#commands.push(command);
  }

  end(end: ExchangeEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    if (!this.recording) return;
    const keptFor = this.sampled ? undefined : this.#reasonToKeep(end);
    this.#kept = this.sampled || keptFor !== undefined;
    if (this.#kept) {
      const { finish } = this.recorder;
      finish(this.#toSpan(end, keptFor));
      for (const command of this.#commands ?? []) finish(commandSpan(this, command));
      for (const attempt of this.#attempts ?? []) {
        if (attempt.ended) finish(attempt.toSpan(end, attempt === this.#last));
      }
    }
    this.#attempts = undefined;
    this.#commands = undefined;
    this.#judgements = undefined;
  }

  #reasonToKeep(end: ExchangeEnd): 'error' | 'slow' | undefined {
    const { keepErrors, keepSlowMs } = this.recorder;
    if (keepErrors && (isFailure(end) || this.#judgements?.faulted === true)) return 'error';
    if (keepErrors && this.#attempts?.some((attempt) => attempt.failed) === true) return 'error';
    // A long stream is not slow: what counts is the wait for its first byte.
    return keepSlowMs > 0 && end.ttfbMs !== undefined && end.ttfbMs > keepSlowMs ? 'slow' : undefined;
  }

  #toSpan(end: ExchangeEnd, keptFor: string | undefined): ReadableSpan {
    const { method, route } = this.#start;
    const failed = isFailure(end);
    const attributes = this.#attributes(end);
    // A 4xx is no error of the server (HTTP conventions); what refused it is still worth finding.
    const errorType = end.errorType ?? (failed ? typeOf(end) : undefined);
    if (errorType !== undefined) attributes[semconv.ERROR_TYPE] = errorType;
    if (keptFor !== undefined) attributes[semconv.SLUICE_KEPT_FOR] = keptFor;
    const name = spanMethod(method);
    return toSpan(this.recorder, {
      ...this.child(this.spanId),
      parent: this.#parent && { ...this.#parent, isRemote: true },
      link: this.#link,
      name: route === undefined ? name : `${name} ${route}`,
      kind: SpanKind.SERVER,
      startedAt: this.#startedAt,
      endedAt: end.at ?? performance.now(),
      attributes,
      events: this.#judgements?.toEvents() ?? [],
      droppedEvents: this.#judgements?.dropped ?? 0,
      failed,
    });
  }

  #attributes(end: ExchangeEnd): Attributes {
    const { method, route, path, requestId, clientAddress } = this.#start;
    const attributes: Attributes = {
      ...methodAttributes(method),
      [semconv.URL_SCHEME]: 'http',
      [semconv.URL_PATH]: scrub(path, MAX_PATH),
      [semconv.SLUICE_OUTCOME]: end.outcome,
    };
    if (route !== undefined) attributes[semconv.HTTP_ROUTE] = route;
    if (requestId !== undefined) attributes[semconv.SLUICE_REQUEST_ID] = requestId;
    if (clientAddress !== undefined) attributes[semconv.CLIENT_ADDRESS] = clientAddress;
    if (end.status > 0) attributes[semconv.HTTP_STATUS] = end.status;
    if (end.bytesIn !== undefined) attributes[semconv.HTTP_REQUEST_BYTES] = end.bytesIn;
    if (end.bytesOut !== undefined) attributes[semconv.HTTP_RESPONSE_BYTES] = end.bytesOut;
    if (end.ttfbMs !== undefined) attributes[semconv.SLUICE_TTFB] = end.ttfbMs;
    if (end.queuedMs !== undefined && end.queuedMs > 0) attributes[semconv.SLUICE_QUEUE_WAIT] = end.queuedMs;
    if (end.truncated !== undefined) attributes[semconv.SLUICE_TRUNCATED] = end.truncated;
    return attributes;
  }

  /** What a span below the server span begins with. */
  child(spanId: string): Pick<SpanParts, 'traceId' | 'spanId' | 'tracestate' | 'parent'> {
    const { traceId, tracestate } = this;
    return { traceId, spanId, tracestate, parent: { traceId, spanId: this.spanId, sampled: true, isRemote: false } };
  }
}

/** Whether the exchange went wrong: for a server span a 4xx did not (HTTP conventions). */
function isFailure({ status, outcome, truncated, usage }: ExchangeEnd): boolean {
  if (status >= 500 || truncated !== undefined || usage?.error !== undefined) return true;
  return outcome !== 'complete' && outcome !== 'replied';
}

function typeOf({ status, outcome, usage }: ExchangeEnd): string {
  if (outcome !== 'complete' && outcome !== 'replied') return outcome;
  return usage?.error?.class ?? (status >= 500 ? String(status) : semconv.UNTERMINATED);
}
