/** The span of a Redis command. */
import { type Attributes, SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { RedisCommand } from '../resources/redis-commands.ts';
import type { RecordedExchange } from './exchange-trace.ts';
import * as semconv from './semconv.ts';
import { toSpan } from './span.ts';

/** A client span below the server span of the exchange that issued the command (conventions for databases). */
export function commandSpan(exchange: RecordedExchange, command: RedisCommand): ReadableSpan {
  const { name, address, port, database, startedAt, endedAt, errorType } = command;
  const attributes: Attributes = {
    [semconv.DB_SYSTEM]: 'redis',
    [semconv.DB_OPERATION]: name,
    [semconv.DB_NAMESPACE]: String(database),
    [semconv.SERVER_ADDRESS]: address,
  };
  if (port !== undefined) attributes[semconv.SERVER_PORT] = port;
  if (errorType !== undefined) attributes[semconv.ERROR_TYPE] = errorType;
  return toSpan(exchange.recorder, {
    ...exchange.child(exchange.recorder.ids.spanId()),
    name,
    kind: SpanKind.CLIENT,
    startedAt,
    endedAt,
    attributes,
    events: [],
    failed: errorType !== undefined,
  });
}
