/**
 * Runs the phases of a pipeline over one exchange. Only what is a promise is awaited: a pipeline of synchronous policies
 * runs from end to end without one microtask, and without a closure of its own.
 */
import type { MaybePromise } from '../policy.ts';
import { enter, leave } from '../resources/redis-commands.ts';
import { fault, type Result, settle } from './decisions.ts';
import type { Entry, Step } from './entry.ts';
import { runLimits } from './run-limits.ts';
import { shadowAttempt, shadowContext } from './shadow.ts';
import type { Decision, RunningAttempt, Subject } from './subject.ts';
import { applies } from './when.ts';

export type { Decision, RunningAttempt, Subject } from './subject.ts';

type Outcome = MaybePromise<Decision | undefined>;

/** Runs the request phase; resolves to the decision that ended it, or undefined to go on. */
export function runRequest(steps: readonly Step[], subject: Subject, from = 0): Outcome {
  // The time of one policy begins where that of the one before it has ended, while none of them waits.
  let at = performance.now();
  for (let i = from; i < steps.length; i++) {
    if (subject.over) return undefined;
    const step = steps[i] as Step;
    const done = step.kind === 'request' ? runEntry(step.entry, subject, undefined, at) : runLimits(step, subject, at);
    if (done instanceof Promise) return done.then((decision) => decision ?? runRequest(steps, subject, i + 1));
    if (done !== undefined) return done;
    at = Math.max(at, subject.judgedAt);
  }
  return undefined;
}

/** Runs the attempt phase of the entries that have one. */
export function runAttempt(entries: readonly Entry[], subject: Subject, attempt: RunningAttempt, from = 0): Outcome {
  let at = performance.now();
  for (let i = from; i < entries.length; i++) {
    if (subject.over) return undefined;
    const done = runEntry(entries[i] as Entry, subject, attempt, at);
    if (done instanceof Promise)
      return done.then((decision) => decision ?? runAttempt(entries, subject, attempt, i + 1));
    if (done !== undefined) return done;
    at = Math.max(at, subject.judgedAt);
  }
  return undefined;
}

function runEntry(entry: Entry, subject: Subject, attempt: RunningAttempt | undefined, at: number): Outcome {
  const acts = applies(entry, subject, attempt?.upstream.name ?? subject.upstream.name);
  if (acts instanceof Promise)
    return acts.then((yes) =>
      yes && !subject.over ? callHook(entry, subject, attempt, performance.now()) : undefined,
    );
  return acts === true ? callHook(entry, subject, attempt, at) : undefined;
}

function callHook(entry: Entry, subject: Subject, attempt: RunningAttempt | undefined, started: number): Outcome {
  let result: MaybePromise<Result>;
  // What a policy takes from a limit in its own tick is the exchange's too.
  const before = enter(subject.commands);
  try {
    const ctx = entry.enforced ? subject : shadowContext(subject, entry);
    result =
      attempt === undefined
        ? entry.instance.request?.(ctx)
        : entry.instance.attempt?.(ctx, entry.enforced ? attempt : shadowAttempt(attempt));
  } catch (error) {
    return fault(entry, subject, error, started);
  } finally {
    leave(before);
  }
  if (!(result instanceof Promise)) return settle(entry, subject, attempt, result, started);
  return result.then(
    (value) => settle(entry, subject, attempt, value, started),
    (error: unknown) => fault(entry, subject, error, started),
  );
}
