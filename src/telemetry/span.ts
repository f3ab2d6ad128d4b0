/** How what was recorded becomes a span of the SDK. */
import { type Attributes, type HrTime, type SpanContext, type SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { TraceParent } from './trace-context.ts';

/** Something that happened within a span. */
export interface SpanEvent {
  readonly name: string;
  /** By `performance.now()`. */
  readonly at: number;
  readonly attributes?: Attributes;
}

/** What all spans of one app have in common. */
export interface SpanOrigin {
  readonly scope: { readonly name: string; readonly version: string };
  readonly resource: Resource;
}

/** A span as it was recorded; times by `performance.now()`. */
export interface SpanParts {
  readonly traceId: string;
  readonly spanId: string;
  /** As it came with the request. */
  readonly tracestate: string | undefined;
  readonly parent: (TraceParent & { readonly isRemote: boolean }) | undefined;
  /** A trace that it came from and does not belong to. */
  readonly link?: TraceParent | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly droppedEvents?: number;
  readonly failed: boolean;
}

/** Makes a span of the SDK. */
export function toSpan(origin: SpanOrigin, parts: SpanParts): ReadableSpan {
  const { parent, link, tracestate, startedAt, endedAt } = parts;
  // An exchange kept for its failure is exported with the flag set: its span is recorded, whatever upstream was told.
  const traceState = tracestate === undefined ? {} : { traceState: passedOn(tracestate) };
  const context = { traceId: parts.traceId, spanId: parts.spanId, traceFlags: 1, ...traceState };
  const offset = epochOffset();
  return {
    name: parts.name,
    kind: parts.kind,
    spanContext: () => context,
    ...(parent && { parentSpanContext: toContext(parent, parent.isRemote) }),
    startTime: toHrTime(startedAt + offset),
    endTime: toHrTime(endedAt + offset),
    duration: toHrTime(endedAt - startedAt),
    ended: true,
    status: { code: parts.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: parts.attributes,
    links: link === undefined ? [] : [{ context: toContext(link, true) }],
    events: parts.events.map(({ name, at, attributes = {} }) => ({ name, attributes, time: toHrTime(at + offset) })),
    resource: origin.resource,
    instrumentationScope: origin.scope,
    droppedAttributesCount: 0,
    droppedEventsCount: parts.droppedEvents ?? 0,
    droppedLinksCount: 0,
  };
}

function toContext({ traceId, spanId, sampled }: TraceParent, isRemote: boolean): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? 1 : 0, isRemote };
}

/** A tracestate that is only passed on: it is written as it came, and nobody edits it. */
function passedOn(raw: string) {
  const state = { get: () => undefined, set: () => state, unset: () => state, serialize: () => raw };
  return state;
}

/** What turns `performance.now()` into milliseconds since 1970: exact, unless the system's clock has been set since. */
function epochOffset(): number {
  const exact = performance.timeOrigin;
  const coarse = Date.now() - performance.now();
  return Math.abs(coarse - exact) > 5 ? coarse : exact;
}

function toHrTime(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000);
  return [seconds, Math.min(999_999_999, Math.round((milliseconds - seconds * 1000) * 1e6))];
}
