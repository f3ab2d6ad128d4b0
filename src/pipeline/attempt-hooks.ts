/** Tells an attempt's policies how it went. */
import type { AttemptHooks, AttemptResult, PolicyLogger } from '../policy.ts';

/** Asks every policy, whatever the others say; true when one wants another attempt. A policy that throws wants none. */
export function tellAttemptHooks(
  hooks: readonly AttemptHooks[],
  result: AttemptResult,
  log: PolicyLogger,
  requestId: string,
): boolean {
  let again = false;
  for (const one of hooks) {
    try {
      if (one.end?.(result) === 'retry') again = true;
    } catch (err) {
      log.error({ request_id: requestId, err }, "a policy failed at an attempt's end");
    }
  }
  return again;
}
