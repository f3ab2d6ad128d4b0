/** Turns what undici, Node and our own timers throw into failures of the catalogue. */
import { type Failure, type Problem, type ProblemCode, problem } from '../errors.ts';
import { ConnectError } from './connector.ts';

/** Raised by an attempt's own timers and by the pool. */
export class AttemptError extends Error {
  readonly problem: ProblemCode;
  constructor(code: ProblemCode, message: string) {
    super(message);
    this.name = 'AttemptError';
    this.problem = code;
  }
}

const reset = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/**
 * Maps an error of an attempt.
 * @param error what was raised
 * @param reused whether the connection had served before: then a closed socket most likely was a stale one
 */
export function failureOf(error: unknown, reused: boolean): Failure {
  if (error instanceof ConnectError) {
    return { code: error.problem, message: error.message, safeToRetry: false, cause: error };
  }
  if (error instanceof AttemptError) {
    return { code: error.problem, message: error.message, safeToRetry: false, cause: error };
  }
  // Some parser errors of undici have the member and nothing in it.
  const code = error instanceof Error && 'code' in error ? String(error.code ?? '') : '';
  const message = error instanceof Error ? error.message : String(error);
  // What undici calls an unsolicited 101, and its own assertion on a status below 100.
  if (message === 'bad upgrade' || code === 'ERR_ASSERTION') {
    return { code: 'upstream_protocol', message: 'not an HTTP/1.1 response', safeToRetry: false, cause: error };
  }
  if (reset.has(code)) return { code: 'upstream_reset', message: closedBy(code), safeToRetry: reused, cause: error };
  const parsing = error instanceof Error && error.name === 'HTTPParserError';
  if (parsing || code.startsWith('HPE_') || code.startsWith('UND_ERR_') || error instanceof TypeError) {
    return { code: 'upstream_protocol', message: message.slice(0, 200), safeToRetry: false, cause: error };
  }
  return { code: 'upstream_reset', message: code || message.slice(0, 200), safeToRetry: false, cause: error };
}

/** What the client is told of a failure; of the upstream its configured name only. */
export function failureProblem({ code, message, cause }: Failure, upstream: string): Problem {
  const busy = code === 'upstream_busy' ? { retryAfterMs: 1000 } : {};
  return problem(code, { detail: `Upstream "${upstream}": ${message}.`, cause, ...busy });
}

/** In words that mean something to who reads the error; the log has the cause. */
function closedBy(code: string): string {
  return code === 'UND_ERR_SOCKET' ? 'the connection was closed' : `the connection failed (${code})`;
}
