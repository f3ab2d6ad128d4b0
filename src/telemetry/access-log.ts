/** The access log: one JSON line for each exchange, written when it has ended. No header values, no bodies. */
import type { OutcomeKind, ProblemCode } from '../policy.ts';
import type { RootLog } from './log.ts';
import { scrub } from './redact.ts';

/** What is said of an exchange. Undefined members are left out. */
export interface AccessRecord {
  readonly requestId: string;
  /** The client's address, `trusted_proxies` applied. */
  readonly client: string;
  /** The route's path; undefined when none matched. */
  readonly route: string | undefined;
  /** Name of the upstream of the last attempt, or the route's when there was none. */
  readonly upstream: string | undefined;
  readonly method: string;
  /** Without its query; cut after 512 characters. */
  readonly path: string;
  /** Sent to the client; 0 when none was. */
  readonly status: number;
  /** The policy that refused and with which code. */
  readonly decision: { readonly policy: string | undefined; readonly code: ProblemCode | 'response' } | undefined;
  readonly outcome: OutcomeKind;
  /** The problem's code where the exchange failed without a decision, e.g. `upstream_reset`. */
  readonly code?: ProblemCode | undefined;
  /** Request body bytes read from the client. */
  readonly bytesIn: number;
  /** Response body bytes handed to the client. */
  readonly bytesOut: number;
  /** From the request's headers to the response's first body byte, in milliseconds. */
  readonly ttfbMs: number | undefined;
  /** From the request's headers to the end, in milliseconds. */
  readonly durationMs: number;
  readonly attempts: number;
  readonly traceId: string | undefined;
  readonly identity: string | undefined;
}

const MAX_PATH = 512;
const MAX_IDENTITY = 256;

/**
 * Writes the line of one exchange. It goes to pino's stream in pino's form, but is serialized in one step: pino's way
 * through its formatters took three times as long.
 */
export function writeAccess(log: RootLog, record: AccessRecord): void {
  if (!log.infoEnabled) return;
  const json = JSON.stringify({
    msg: 'exchange',
    request_id: record.requestId,
    client: record.client,
    route: record.route,
    upstream: record.upstream,
    method: bounded(record.method, 32),
    path: scrub(bounded(record.path, MAX_PATH)),
    status: record.status,
    decision: record.decision,
    outcome: record.outcome,
    code: record.code,
    bytes_in: record.bytesIn,
    bytes_out: record.bytesOut,
    ttfb_ms: record.ttfbMs === undefined ? undefined : tenths(record.ttfbMs),
    duration_ms: tenths(record.durationMs),
    attempts: record.attempts,
    trace_id: record.traceId,
    identity: record.identity === undefined ? undefined : bounded(record.identity, MAX_IDENTITY),
  });
  log.writeInfo(json.slice(1, -1));
}

function bounded(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
