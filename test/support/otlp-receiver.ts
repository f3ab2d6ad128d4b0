/** An OTLP/HTTP receiver for tests: takes protobuf batches of spans, gzip or not, and gives them as plain objects. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';

/** The fields used of opentelemetry/proto/collector/trace/v1; numbers as in OTLP 1.x. */
const PROTO = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4;
  string name = 5; int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; repeated Event events = 11; repeated Link links = 13; Status status = 15;
}
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
`;

/** Attribute values as they come out of the wire format. */
export type SpanAttributes = Record<string, unknown>;

/** A span as received. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root span. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified';
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  readonly events: readonly { readonly name: string; readonly atMs: number; readonly attributes: SpanAttributes }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: 'unset' | 'ok' | 'error';
  readonly resource: SpanAttributes;
}

/** Options of {@link startOtlpReceiver}. */
export interface OtlpReceiverOptions {
  /** Status of the answer, asked at each batch; 200 by default. A batch that gets another status is not kept. */
  readonly status?: () => number;
  /** 0 by default: any free port. */
  readonly port?: number;
  /** False: batches are taken and thrown away unread, for measurements. */
  readonly decode?: boolean;
}

/** The receiver. */
export interface OtlpReceiver {
  /** What `telemetry.traces.endpoint` is set to. */
  readonly url: string;
  readonly port: number;
  /** Everything received so far. */
  readonly received: readonly ReceivedSpan[];
  /** Request headers of each batch. */
  readonly batches: readonly IncomingMessage['headers'][];
  /** Resolves with all spans once there are at least `count`; rejects after `timeoutMs` with what there is. */
  spans(count: number, timeoutMs?: number): Promise<readonly ReceivedSpan[]>;
  close(): Promise<void>;
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const STATUSES = ['unset', 'ok', 'error'] as const;

/** Starts the receiver on 127.0.0.1; close it after the test. */
export async function startOtlpReceiver(options: OtlpReceiverOptions = {}): Promise<OtlpReceiver> {
  const request = protobuf.parse(PROTO).root.lookupType('ExportTraceServiceRequest');
  const received: ReceivedSpan[] = [];
  const batches: IncomingMessage['headers'][] = [];
  let changed = Promise.withResolvers<void>();

  const take = (message: IncomingMessage, body: Buffer): number => {
    if (message.method !== 'POST' || message.url !== '/v1/traces') return 404;
    if (message.headers['content-type'] !== 'application/x-protobuf') return 415;
    const status = options.status?.() ?? 200;
    if (status !== 200 || options.decode === false) return status;
    const bytes = message.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    received.push(...toSpans(request.toObject(request.decode(bytes), { longs: String, defaults: true, oneofs: true })));
    batches.push(message.headers);
    changed.resolve();
    changed = Promise.withResolvers();
    return 200;
  };

  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      response.writeHead(take(message, Buffer.concat(chunks)), { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    batches,
    async spans(count, timeoutMs = 5000) {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        const names = received.map((span) => span.name).join(', ');
        late.reject(new Error(`${received.length} of ${count} spans came within ${timeoutMs} ms: ${names}`));
      }, timeoutMs);
      try {
        while (received.length < count) await Promise.race([changed.promise, late.promise]);
        return received;
      } finally {
        clearTimeout(timer);
      }
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface RawValue {
  /** Name of the member that is set. */
  readonly value?: string;
  readonly arrayValue?: { readonly values: readonly RawValue[] };
  readonly [kind: string]: unknown;
}
type RawAttributes = readonly { readonly key: string; readonly value: RawValue }[];
interface RawSpan {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: RawAttributes;
  readonly events: readonly {
    readonly name: string;
    readonly timeUnixNano: string;
    readonly attributes: RawAttributes;
  }[];
  readonly links: readonly { readonly traceId: Buffer; readonly spanId: Buffer }[];
  readonly status: { readonly code: number } | null;
}
interface RawRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: RawAttributes } | null;
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[];
  }[];
}

function toSpans(decoded: object): ReceivedSpan[] {
  const { resourceSpans } = decoded as RawRequest; // the shape that PROTO describes
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const shared = attributesOf(resource?.attributes ?? []);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => toSpan(span, shared)));
  });
}

function toSpan(raw: RawSpan, resource: SpanAttributes): ReceivedSpan {
  return {
    traceId: hex(raw.traceId),
    spanId: hex(raw.spanId),
    parentSpanId: hex(raw.parentSpanId),
    traceState: raw.traceState,
    name: raw.name,
    kind: KINDS[raw.kind] ?? 'unspecified',
    startMs: toMilliseconds(raw.startTimeUnixNano),
    endMs: toMilliseconds(raw.endTimeUnixNano),
    attributes: attributesOf(raw.attributes),
    events: raw.events.map(({ name, timeUnixNano, attributes }) => ({
      name,
      atMs: toMilliseconds(timeUnixNano),
      attributes: attributesOf(attributes),
    })),
    links: raw.links.map(({ traceId, spanId }) => ({ traceId: hex(traceId), spanId: hex(spanId) })),
    status: STATUSES[raw.status?.code ?? 0] ?? 'unset',
    resource,
  };
}

function hex(bytes: Buffer): string {
  return Buffer.from(bytes).toString('hex');
}

function toMilliseconds(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1000n) / 1000;
}

function attributesOf(raw: RawAttributes): SpanAttributes {
  return Object.fromEntries(raw.map(({ key, value }) => [key, toValue(value)]));
}

function toValue(raw: RawValue): unknown {
  if (raw.value === 'arrayValue') return raw.arrayValue?.values.map(toValue);
  if (raw.value === 'intValue') return Number(raw.intValue);
  return raw.value === undefined ? undefined : raw[raw.value];
}
