/** What becomes of what a policy returned or threw: counted, logged, and, unless the policy is in shadow mode, applied. */
import { problem } from '../errors.ts';
import type { AttemptHooks, ExchangeHooks, Reply } from '../policy.ts';
import { checkReply } from './check-reply.ts';
import type { DecisionKind, Entry } from './entry.ts';
import { shadowHooks, tellShadow } from './shadow.ts';
import type { Decision, RunningAttempt, Subject } from './subject.ts';

/** What a hook may return. `null` is what policies written in JavaScript say for nothing. */
export type Result = Reply | ExchangeHooks | AttemptHooks | null | void;

/** Takes what a hook returned: a reply is a decision, hooks are kept. What is neither is a fault of the policy. */
export function settle(
  entry: Entry,
  subject: Subject,
  attempt: RunningAttempt | undefined,
  result: Result,
  started: number,
): Decision | undefined {
  if (result === undefined || result === null) {
    record(entry, subject, 'allow', started);
    return undefined;
  }
  if (typeof result !== 'object') {
    const error = new TypeError(`it returned a ${typeof result} where a Reply, hooks or nothing is expected`);
    return fault(entry, subject, error, started);
  }
  if ('kind' in result) return refuse(entry, subject, result, started);
  record(entry, subject, 'allow', started);
  if (attempt !== undefined) {
    // A shadow policy watches attempts, but its wish for a retry is not granted.
    const hooks = result as AttemptHooks;
    attempt.hooks.push(entry.enforced ? hooks : { end: (outcome) => void hooks.end?.(outcome) });
  } else {
    const hooks = result as ExchangeHooks;
    subject.addHooks(entry.enforced ? hooks : shadowHooks(hooks));
  }
  return undefined;
}

/** Takes a reply of a policy. One that cannot be sent is a fault of the policy. */
export function refuse(entry: Entry, subject: Subject, reply: Reply, started: number): Decision | undefined {
  try {
    checkReply(reply);
  } catch (error) {
    return fault(entry, subject, error, started);
  }
  record(entry, subject, reply.kind === 'problem' ? 'deny' : 'reply', started);
  if (entry.enforced) return { reply, policy: entry.id };
  tellShadow(entry, subject, reply);
  return undefined;
}

/** Takes an error of a policy: its `on_error` says what it means for the request. */
export function fault(entry: Entry, subject: Subject, error: unknown, started: number): Decision | undefined {
  record(entry, subject, 'fault', started);
  subject.log.error({ policy: entry.id, request_id: subject.id, err: error }, 'a policy failed');
  if (entry.faultsPass || !entry.enforced) return undefined;
  const detail = `The policy "${entry.id}" failed; the log of Sluice says why.`;
  return { reply: problem('policy_fault', { detail, cause: error }), policy: entry.id };
}

function record(entry: Entry, subject: Subject, kind: DecisionKind, started: number): void {
  const now = performance.now();
  const milliseconds = now - started;
  entry.metrics.decision(kind);
  entry.metrics.duration(milliseconds / 1000);
  subject.judged(entry.id, kind, milliseconds, entry.enforced, now);
}
