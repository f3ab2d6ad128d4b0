/** Whether an exchange may try again: while its body is held and attempts remain, and before a byte of an answer went out. */
import type { Failure } from '../errors.ts';
import { tellAttemptHooks } from '../pipeline/attempt-hooks.ts';
import type { AttemptHooks, AttemptResult, PolicyLogger } from '../policy.ts';
import type { Body } from './body.ts';

/** Most attempts of one exchange, whatever its policies ask for. */
const mostAttempts = 10;

/** See the module. */
export class Retries {
  readonly #body: Body;
  readonly #log: PolicyLogger;
  readonly #requestId: string;
  #staleRetried = false;

  constructor(body: Body, log: PolicyLogger, requestId: string) {
    this.#body = body;
    this.#log = log;
    this.#requestId = requestId;
  }

  /** Tells the attempt's policies how it went; true when one wants another attempt and may have it. */
  granted(
    attempt: { readonly number: number; readonly hooks: readonly AttemptHooks[] },
    result: AttemptResult,
  ): boolean {
    return tellAttemptHooks(attempt.hooks, result, this.#log, this.#requestId) && this.#possible(attempt.number);
  }

  /** A kept-alive connection that the upstream had closed meanwhile: nothing was processed, once more is safe. */
  stale(attempt: { readonly number: number }, failure: Failure): boolean {
    if (!failure.safeToRetry || this.#staleRetried || !this.#possible(attempt.number)) return false;
    this.#staleRetried = true;
    return true;
  }

  #possible(attempts: number): boolean {
    return this.#body.replayable && attempts < mostAttempts;
  }
}
