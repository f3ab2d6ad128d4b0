/** A span as it is recorded, and how it becomes a span of the SDK. */
import { type Attributes, type HrTime, type SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { TraceParent } from './trace-context.ts';

const MAX_EVENTS = 128;

interface RecordedEvent {
  readonly name: string;
  readonly at: number;
  readonly attributes: Attributes;
}

/** A span under way: times by `performance.now()`, what was said, and which span it is. */
export class Recording {
  readonly startedAt: number;
  readonly recording: boolean;
  readonly events: RecordedEvent[] = [];
  attributes: Attributes = {};
  droppedEvents = 0;
  endedAt = Number.NaN;

  constructor(recording: boolean, startedAt: number) {
    this.recording = recording;
    this.startedAt = startedAt;
  }

  event(name: string, attributes: Attributes = {}): void {
    if (!this.recording) return;
    if (this.events.length < MAX_EVENTS) this.events.push({ name, at: performance.now(), attributes });
    else this.droppedEvents += 1;
  }

  set(attributes: Attributes): void {
    if (this.recording) Object.assign(this.attributes, attributes);
  }
}

/** What all spans of one app have in common. */
export interface SpanOrigin {
  readonly scope: { readonly name: string; readonly version: string };
  readonly resource: Resource;
}

/** What makes a recording a span. */
export interface SpanParts {
  readonly traceId: string;
  /** As it came with the request. */
  readonly tracestate: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanId: string;
  readonly parent: (TraceParent & { readonly isRemote: boolean }) | undefined;
  readonly attributes: Attributes;
  readonly failed: boolean;
}

/** Makes a recording that has ended a span of the SDK. */
export function toSpan(origin: SpanOrigin, recording: Recording, parts: SpanParts): ReadableSpan {
  const { parent, tracestate } = parts;
  // An exchange kept for its failure is exported with the flag set: its span is recorded, whatever upstream was told.
  const traceState = tracestate === undefined ? {} : { traceState: passedOn(tracestate) };
  const context = { traceId: parts.traceId, spanId: parts.spanId, traceFlags: 1, ...traceState };
  const offset = epochOffset();
  const startTime = toHrTime(recording.startedAt + offset);
  const endTime = toHrTime(recording.endedAt + offset);
  return {
    name: parts.name,
    kind: parts.kind,
    spanContext: () => context,
    ...(parent && {
      parentSpanContext: {
        traceId: parent.traceId,
        spanId: parent.spanId,
        traceFlags: parent.sampled ? 1 : 0,
        isRemote: parent.isRemote,
      },
    }),
    startTime,
    endTime,
    duration: toHrTime(recording.endedAt - recording.startedAt),
    ended: true,
    status: { code: parts.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: parts.attributes,
    links: [],
    events: recording.events.map(({ name, at, attributes }) => ({ name, attributes, time: toHrTime(at + offset) })),
    resource: origin.resource,
    instrumentationScope: origin.scope,
    droppedAttributesCount: 0,
    droppedEventsCount: recording.droppedEvents,
    droppedLinksCount: 0,
  };
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
