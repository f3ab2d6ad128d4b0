/** W3C Trace Context, level 1: reading and writing `traceparent`, and making ids. */
import { randomFillSync } from 'node:crypto';

/** What a valid `traceparent` says. */
export interface TraceParent {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero: the caller's span. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Longest value looked at: the four fields of version 00 and room for what later versions add. */
const MAX_LENGTH = 512;

/**
 * Reads a `traceparent`; undefined when there is none or it is invalid: upper case, all-zero ids, version `ff`, version
 * `00` with more than four fields, several lines joined (W3C Trace Context §3.2.2). Of a later version the four known
 * fields are read.
 */
export function parseTraceparent(value: string | undefined): TraceParent | undefined {
  if (value === undefined || value.length > MAX_LENGTH) return undefined;
  const found = TRACEPARENT.exec(value);
  if (found === null) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = found;
  if (version === '00' && rest !== undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Writes a `traceparent` of version 00. */
export function formatTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return sampled ? `00-${traceId}-${spanId}-01` : `00-${traceId}-${spanId}-00`;
}

/** Makes random ids. */
export interface IdSource {
  traceId(): string;
  spanId(): string;
}

const TRACE_DIGITS = 32;
const SPAN_DIGITS = 16;

/** An id source that asks the system for random bytes some 4 KiB at a time; an id is cut out of their digits. */
export function createIds(): IdSource {
  const pool = Buffer.alloc(4096);
  let digits = '';
  let next = 0;
  const take = (length: number): string => {
    if (next + length > digits.length) {
      digits = randomFillSync(pool).toString('hex');
      next = 0;
    }
    const id = digits.slice(next, next + length);
    next += length;
    return id;
  };
  return { traceId: () => take(TRACE_DIGITS), spanId: () => take(SPAN_DIGITS) };
}

/** What the last digits of a trace id can be: 2^52. */
const SHARE_DIGITS = 13;
const RANDOM_RANGE = 16 ** SHARE_DIGITS;

/**
 * Tells of the ids of traces whether they belong to the sampled share. It rests on the id's last digits, as OpenTelemetry's
 * consistent probability sampling does, so that every participant with at least this share keeps the same traces.
 * @param share from 0 to 1.
 */
export function shareOf(share: number): (traceId: string) => boolean {
  if (share >= 1) return () => true;
  const least = Math.ceil((1 - share) * RANDOM_RANGE);
  if (share <= 0 || least >= RANDOM_RANGE) return () => false;
  // As text: digits of one length have the order of their numbers.
  const text = least.toString(16).padStart(SHARE_DIGITS, '0');
  return (traceId) => traceId.slice(-SHARE_DIGITS) >= text;
}
