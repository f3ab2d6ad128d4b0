/**
 * The catalogue of problems. Every refusal and failure that Sluice itself answers with has one stable snake_case
 * code here; dashboards and clients depend on the codes. How they look on the wire is in `http/reply.ts` (RFC 9457
 * plus the provider's own shape).
 */

/** Where a failure came from. */
export type FailureSource = 'client' | 'upstream' | 'internal';

/** What the catalogue says of a code. */
export interface CatalogueEntry {
  readonly status: number;
  readonly title: string;
  readonly source: FailureSource;
}

/** Every code with its status and title. */
export const catalogue = {
  bad_request: { status: 400, title: 'The request is malformed', source: 'client' },
  invalid_path: { status: 400, title: 'The path leaves its route or cannot be forwarded', source: 'client' },
  request_loop: { status: 508, title: 'The request has passed this proxy before', source: 'client' },
  route_not_found: { status: 404, title: 'No route matches the path', source: 'client' },
  method_not_allowed: { status: 405, title: 'The method is not allowed', source: 'client' },
  request_timeout: { status: 408, title: 'The request did not arrive in time', source: 'client' },
  client_stalled: { status: 408, title: 'The client stopped reading its response', source: 'client' },
  body_too_large: { status: 413, title: 'The request body is too large', source: 'client' },
  uri_too_long: { status: 414, title: 'The request target is too long', source: 'client' },
  body_not_readable: { status: 415, title: 'The request body cannot be read by a policy that must', source: 'client' },
  expectation_failed: { status: 417, title: 'The Expect header asks for something unknown', source: 'client' },
  upgrade_not_supported: { status: 426, title: 'Only WebSocket upgrades are supported', source: 'client' },
  headers_too_large: { status: 431, title: 'The request header fields are too large', source: 'client' },
  unauthenticated: { status: 401, title: 'The caller is not known', source: 'client' },
  identity_missing: { status: 400, title: 'The request does not say who the player is', source: 'client' },
  identity_invalid: { status: 400, title: 'The identity in the request is not valid', source: 'client' },
  address_denied: { status: 403, title: 'The client address is not allowed', source: 'client' },
  header_denied: { status: 403, title: 'A header is not allowed', source: 'client' },
  rate_limited: { status: 429, title: 'A request limit has been reached', source: 'client' },
  concurrency_limited: { status: 429, title: 'Too many requests are running', source: 'client' },
  queue_timeout: { status: 503, title: 'The request waited too long for its turn', source: 'internal' },
  limits_unavailable: { status: 503, title: 'The limits cannot be checked', source: 'internal' },
  keys_resting: { status: 429, title: 'Every provider key waits for its limit', source: 'internal' },
  policy_fault: { status: 500, title: 'A policy failed', source: 'internal' },
  internal_error: { status: 500, title: 'Sluice failed', source: 'internal' },
  key_missing: { status: 503, title: 'The provider key is not configured', source: 'internal' },
  auth_unavailable: { status: 503, title: 'Callers cannot be checked at the moment', source: 'internal' },
  keys_exhausted: { status: 503, title: 'The provider refuses every key', source: 'internal' },
  shutting_down: { status: 503, title: 'Sluice is shutting down', source: 'internal' },
  overloaded: { status: 503, title: 'Sluice is overloaded', source: 'internal' },
  upstream_busy: { status: 503, title: 'The upstream connection pool and its queue are full', source: 'internal' },
  upstream_forbidden: { status: 502, title: 'The upstream resolves to a forbidden address', source: 'upstream' },
  upstream_dns: { status: 502, title: 'The upstream name cannot be resolved', source: 'upstream' },
  upstream_connect: { status: 502, title: 'The upstream cannot be reached', source: 'upstream' },
  upstream_tls: { status: 502, title: 'The TLS handshake with the upstream failed', source: 'upstream' },
  upstream_reset: { status: 502, title: 'The upstream closed the connection', source: 'upstream' },
  upstream_protocol: { status: 502, title: 'The upstream sent an invalid response', source: 'upstream' },
  upstream_connect_timeout: { status: 504, title: 'Connecting to the upstream took too long', source: 'upstream' },
  upstream_first_byte_timeout: {
    status: 504,
    title: 'The upstream did not begin to answer in time',
    source: 'upstream',
  },
  upstream_idle_timeout: { status: 504, title: 'The upstream stopped sending', source: 'upstream' },
  upstream_total_timeout: { status: 504, title: 'The exchange took too long', source: 'upstream' },
} as const satisfies Record<string, CatalogueEntry>;

/** A stable code of the catalogue. */
export type ProblemCode = keyof typeof catalogue;

/** What a problem may carry besides its code. */
export interface ProblemOptions {
  /** One sentence for the person who reads the error: what happened and what to do. No secret, path or address. */
  readonly detail?: string;
  /** Milliseconds after which trying again makes sense: becomes `Retry-After`, rounded up to seconds. */
  readonly retryAfterMs?: number;
  /** Further response headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The cause, for debug logs only; never shown to clients. */
  readonly cause?: unknown;
}

/** A refusal or failure of the catalogue. */
export interface Problem extends ProblemOptions {
  readonly kind: 'problem';
  readonly code: ProblemCode;
}

/** Makes a problem. */
export function problem(code: ProblemCode, options?: ProblemOptions): Problem {
  return { ...options, kind: 'problem', code };
}

/** Why an attempt had no (whole) response. */
export interface Failure {
  readonly code: ProblemCode;
  /** What went wrong, for logs; no address. */
  readonly message: string;
  /** True when the request certainly was not processed by the upstream (it never left, or a kept-alive socket was stale). */
  readonly safeToRetry: boolean;
  readonly cause?: unknown;
}

/** Thrown inside Sluice where a problem has to cross a library. */
export class ProblemError extends Error {
  readonly problem: Problem;
  constructor(p: Problem) {
    super(p.detail ?? catalogue[p.code].title);
    this.name = 'ProblemError';
    this.problem = p;
  }
}
