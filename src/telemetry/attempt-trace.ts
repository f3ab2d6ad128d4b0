/** Records one attempt at an upstream: its client span, which is made when its exchange is exported. */
import { type Attributes, SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { RecordedExchange } from './exchange-trace.ts';
import { addAnswer, addRequest, callName } from './gen-ai.ts';
import { methodAttributes, spanMethod } from './http-attributes.ts';
import * as semconv from './semconv.ts';
import { type SpanEvent, toSpan } from './span.ts';
import { formatTraceparent } from './trace-context.ts';
import type { AttemptEnd, AttemptStart, AttemptTrace, ExchangeEnd } from './tracing.ts';

/** See the module. */
export class AttemptRecord implements AttemptTrace {
  readonly traceparent: string;
  readonly #exchange: RecordedExchange;
  readonly #start: AttemptStart;
  readonly #spanId: string;
  readonly #startedAt: number;
  #firstByteAt: number | undefined;
  #endedAt = 0;
  #end: AttemptEnd | undefined;

  constructor(exchange: RecordedExchange, start: AttemptStart) {
    this.#exchange = exchange;
    this.#start = start;
    this.#spanId = exchange.recorder.ids.spanId();
    this.#startedAt = start.at ?? performance.now();
    this.traceparent = formatTraceparent(exchange.traceId, this.#spanId, exchange.sampled);
  }

  get tracestate(): string | undefined {
    return this.#exchange.tracestate;
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Whether it got no whole answer, or one that says that the upstream failed. */
  get failed(): boolean {
    return this.#end !== undefined && (this.#end.errorType !== undefined || (this.#end.status ?? 0) >= 500);
  }

  firstByte(at = performance.now()): void {
    this.#firstByteAt ??= at;
  }

  end(end: AttemptEnd): void {
    if (!this.#exchange.recording || this.#end !== undefined) return;
    this.#end = end;
    this.#endedAt = end.at ?? performance.now();
    this.#exchange.attemptEnded(this);
  }

  /**
   * Its span.
   * @param whole the end of its exchange
   * @param last whether it is the attempt whose answer the client got
   */
  toSpan(whole: ExchangeEnd, last: boolean): ReadableSpan {
    const exchange = this.#exchange;
    const attributes = this.#attributes(whole, last);
    const errorType = this.#errorType(whole, last);
    if (errorType !== undefined) attributes[semconv.ERROR_TYPE] = errorType;
    return toSpan(exchange.recorder, {
      ...exchange.child(this.#spanId),
      name: callName(whole.facts) ?? spanMethod(this.#start.method),
      kind: SpanKind.CLIENT,
      startedAt: this.#startedAt,
      endedAt: this.#endedAt,
      attributes,
      events: this.#events(last ? whole.usage?.firstTokenAt : undefined),
      failed: errorType !== undefined,
    });
  }

  #attributes({ facts, usage, truncated }: ExchangeEnd, last: boolean): Attributes {
    const { number, upstream, serverAddress, serverPort, method, dialect, keyId } = this.#start;
    const attributes: Attributes = {
      ...methodAttributes(method),
      [semconv.SERVER_ADDRESS]: serverAddress,
      [semconv.SERVER_PORT]: serverPort,
      [semconv.SLUICE_UPSTREAM]: upstream,
      [semconv.SLUICE_ATTEMPT]: number,
    };
    if (keyId !== undefined) attributes[semconv.SLUICE_KEY_ID] = keyId;
    const provider = semconv.GEN_AI_PROVIDERS[dialect];
    if (provider !== undefined) attributes[semconv.GEN_AI_PROVIDER] = provider;
    if (number > 1) attributes[semconv.HTTP_RESEND_COUNT] = number - 1;
    if (facts !== undefined) addRequest(attributes, facts);
    if (last && usage !== undefined) addAnswer(attributes, usage, this.#startedAt);
    if (last && truncated !== undefined) attributes[semconv.SLUICE_TRUNCATED] = truncated;
    this.#addWire(attributes);
    return attributes;
  }

  #addWire(attributes: Attributes): void {
    const { status, dispatchedAt, sentAt = this.#endedAt, timings } = this.#end ?? {};
    if (status !== undefined) attributes[semconv.HTTP_STATUS] = status;
    if (dispatchedAt !== undefined) attributes[semconv.SLUICE_WAIT] = sentAt - dispatchedAt;
    if (timings?.dnsMs !== undefined) attributes[semconv.SLUICE_DNS] = timings.dnsMs;
    if (timings?.tcpMs !== undefined) attributes[semconv.SLUICE_TCP] = timings.tcpMs;
    if (timings?.tlsMs !== undefined) attributes[semconv.SLUICE_TLS] = timings.tlsMs;
  }

  #events(firstTokenAt: number | undefined): SpanEvent[] {
    const events: SpanEvent[] = [];
    const sentAt = this.#end?.sentAt;
    if (sentAt !== undefined) events.push({ name: semconv.SENT_EVENT, at: sentAt });
    if (this.#firstByteAt !== undefined) events.push({ name: semconv.FIRST_BYTE_EVENT, at: this.#firstByteAt });
    if (firstTokenAt !== undefined) events.push({ name: semconv.FIRST_TOKEN_EVENT, at: firstTokenAt });
    return events;
  }

  /** For a client span every 4xx and 5xx is an error, of the type of its status (HTTP conventions). */
  #errorType({ usage, truncated }: ExchangeEnd, last: boolean): string | undefined {
    const { errorType, status } = this.#end ?? {};
    if (errorType !== undefined) return errorType;
    if (status !== undefined && status >= 400) return String(status);
    if (!last) return undefined;
    return usage?.error?.class ?? (truncated === undefined ? undefined : semconv.UNTERMINATED);
  }
}
