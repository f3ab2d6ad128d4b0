/** Turns what connections, Node and our own timers raise into failures of the catalogue. */
import { type Failure, type Problem, type ProblemCode, problem } from '../errors.ts';
import { ConnectError } from './connector.ts';
import { ClosedError, ProtocolError } from './http1/protocol-error.ts';

/** Raised by an attempt's own timers and by the pool. */
export class AttemptError extends Error {
  readonly problem: ProblemCode;
  constructor(code: ProblemCode, message: string) {
    super(message);
    this.name = 'AttemptError';
    this.problem = code;
  }
}

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
  const message = error instanceof Error ? error.message.slice(0, 200) : String(error);
  // Handshakes go through node:http, whose parser has codes of its own.
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (error instanceof ProtocolError || error instanceof TypeError || code.startsWith('HPE_')) {
    return { code: 'upstream_protocol', message, safeToRetry: false, cause: error };
  }
  const stale = reused && error instanceof ClosedError;
  return { code: 'upstream_reset', message: code === '' ? message : code, safeToRetry: stale, cause: error };
}

/** What the client is told of a failure; of the upstream its configured name only. */
export function failureProblem({ code, message, cause }: Failure, upstream: string): Problem {
  const busy = code === 'upstream_busy' ? { retryAfterMs: 1000 } : {};
  return problem(code, { detail: `Upstream "${upstream}": ${message}.`, cause, ...busy });
}
