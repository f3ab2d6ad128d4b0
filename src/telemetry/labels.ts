/** The closed lists behind metric labels: whatever clients and upstreams send, the number of series stays bounded. */
import { STATUS_CODES } from 'node:http';
import type { OutcomeKind, ProblemCode } from '../policy.ts';

/** `route` of an exchange that no route matched. Paths of routes begin with `/`, so it is none of them. */
export const NO_ROUTE = 'none';

/** Methods that are label values (RFC 9110 §9, RFC 5789); any other is `OTHER`. */
export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'OTHER',
] as const;

/** How exchanges end. */
export const OUTCOMES = [
  'complete',
  'replied',
  'client_abort',
  'upstream_abort',
  'failed',
] as const satisfies OutcomeKind[];

/** What a policy did: let the request pass, refused it, answered it itself, or failed. */
export const POLICY_DECISIONS = ['allow', 'deny', 'reply', 'fault'] as const;
export type PolicyDecision = (typeof POLICY_DECISIONS)[number];

/** Where the client left: while a policy made it wait, before the upstream was connected, before its first byte, or in the stream. */
export const ABORT_PHASES = ['policy', 'connect', 'first_byte', 'stream'] as const;
export type AbortPhase = (typeof ABORT_PHASES)[number];

/** Where a response was cut: after its head, within the body, at an event's boundary, or before its terminator. */
export const TRUNCATION_PHASES = ['head', 'body', 'event_boundary', 'terminator'] as const;
export type TruncationPhase = (typeof TRUNCATION_PHASES)[number];

/** How an attempt went: the status of its whole response, the failure's code, or the client's leaving. */
export type AttemptOutcome = number | ProblemCode | 'client_abort';

const methodIndexes = new Map<string, number>(METHODS.map((method, index) => [method, index]));

/** Index into {@link METHODS}. */
export function methodIndex(method: string): number {
  return methodIndexes.get(method) ?? METHODS.length - 1;
}

/** Statuses that gateways and providers use besides the registered ones. */
const UNREGISTERED = [499, 520, 521, 522, 523, 524, 525, 526, 529, 530];

/** A status as a label value: registered and well-known ones as they are, others by class (`4xx`), none as `none`. */
export function statusLabel(status: number): string {
  if (status in STATUS_CODES || UNREGISTERED.includes(status)) return String(status);
  return status === 0 ? 'none' : statusClass(status);
}

/** `2xx` and so on; `other` for what is no HTTP status. */
export function statusClass(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : 'other';
}
