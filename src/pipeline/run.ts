/**
 * Runs the phases of a pipeline over one exchange. Only what is a promise is awaited: a pipeline of synchronous policies
 * runs from end to end without one microtask, and without a closure of its own.
 */
import { problem } from '../errors.ts';
import type { Claim, Verdict } from '../limits/store.ts';
import type {
  Attempt,
  AttemptHooks,
  ExchangeHooks,
  MaybePromise,
  PolicyLogger,
  Reply,
  RequestContext,
} from '../policy.ts';
import type { DecisionKind, Entry, Step } from './entry.ts';
import { shadowAttempt, shadowContext, shadowHooks } from './shadow.ts';

/** A reply and the id of the policy that gave it; undefined where it was Sluice itself. */
export interface Decision {
  readonly reply: Reply;
  readonly policy: string | undefined;
}

/** The exchange, as the runner sees it. */
export interface Subject extends RequestContext {
  /** True once the exchange has ended (the client left, or it was aborted): nothing more is run. */
  readonly over: boolean;
  readonly log: PolicyLogger;
  addHooks(hooks: ExchangeHooks): void;
  /** A policy has judged; for traces. */
  judged(policy: string, decision: string, milliseconds: number, enforced: boolean): void;
}

/** An attempt that collects the hooks of its policies. */
export interface RunningAttempt extends Attempt {
  readonly hooks: AttemptHooks[];
}

type Result = Reply | ExchangeHooks | AttemptHooks | void;
type Outcome = MaybePromise<Decision | undefined>;

/** Runs the request phase; resolves to the decision that ended it, or undefined to go on. */
export function runRequest(steps: readonly Step[], subject: Subject, from = 0): Outcome {
  for (let i = from; i < steps.length; i++) {
    if (subject.over) return undefined;
    const step = steps[i] as Step;
    const done = step.kind === 'request' ? runEntry(step.entry, subject) : runLimits(step, subject);
    if (done instanceof Promise) return done.then((decision) => decision ?? runRequest(steps, subject, i + 1));
    if (done !== undefined) return done;
  }
  return undefined;
}

/** Runs the attempt phase of the entries that have one. */
export function runAttempt(entries: readonly Entry[], subject: Subject, attempt: RunningAttempt, from = 0): Outcome {
  for (let i = from; i < entries.length; i++) {
    if (subject.over) return undefined;
    const done = runEntry(entries[i] as Entry, subject, attempt);
    if (done instanceof Promise)
      return done.then((decision) => decision ?? runAttempt(entries, subject, attempt, i + 1));
    if (done !== undefined) return done;
  }
  return undefined;
}

function runEntry(entry: Entry, subject: Subject, attempt?: RunningAttempt): Outcome {
  const acts = applies(entry, subject, attempt?.upstream.name ?? subject.upstream.name);
  if (acts instanceof Promise)
    return acts.then((yes) => (yes && !subject.over ? callHook(entry, subject, attempt) : undefined));
  return acts === true ? callHook(entry, subject, attempt) : undefined;
}

function applies(entry: Entry, subject: Subject, upstream: string): MaybePromise<boolean> {
  if (entry.rollout !== undefined && !entry.rollout(subject)) return false;
  return entry.when === undefined || entry.when(subject, upstream);
}

function callHook(entry: Entry, subject: Subject, attempt: RunningAttempt | undefined): Outcome {
  const started = performance.now();
  try {
    const ctx = entry.enforced ? subject : shadowContext(subject);
    const result: MaybePromise<Result> =
      attempt === undefined
        ? entry.instance.request?.(ctx)
        : entry.instance.attempt?.(ctx, entry.enforced ? attempt : shadowAttempt(attempt));
    if (!(result instanceof Promise)) return settle(entry, subject, attempt, result, started);
    return result.then(
      (value) => settle(entry, subject, attempt, value, started),
      (error: unknown) => fault(entry, subject, error, started),
    );
  } catch (error) {
    return fault(entry, subject, error, started);
  }
}

function settle(
  entry: Entry,
  subject: Subject,
  attempt: RunningAttempt | undefined,
  result: Result,
  started: number,
): Decision | undefined {
  if (result !== undefined && 'kind' in result) return refuse(entry, subject, result, started);
  record(entry, subject, 'allow', started);
  if (result === undefined) return undefined;
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

function refuse(entry: Entry, subject: Subject, reply: Reply, started: number): Decision | undefined {
  record(entry, subject, reply.kind === 'problem' ? 'deny' : 'reply', started);
  if (entry.enforced) return { reply, policy: entry.id };
  const code = reply.kind === 'problem' ? reply.code : String(reply.status);
  subject.log.info({ policy: entry.id, code, mode: 'shadow' }, 'a policy in shadow mode would have refused');
  return undefined;
}

function fault(entry: Entry, subject: Subject, error: unknown, started: number): Decision | undefined {
  record(entry, subject, 'fault', started);
  subject.log.error({ policy: entry.id, err: error }, 'a policy failed');
  if (entry.faultsPass || !entry.enforced) return undefined;
  const detail = `The policy "${entry.id}" failed; the log of Sluice says why.`;
  return { reply: problem('policy_fault', { detail, cause: error }), policy: entry.id };
}

function record(entry: Entry, subject: Subject, kind: DecisionKind, started: number): void {
  const milliseconds = performance.now() - started;
  entry.metrics.decision(kind);
  entry.metrics.duration(milliseconds / 1000);
  subject.judged(entry.id, kind, milliseconds, entry.enforced);
}

interface Taken {
  readonly entry: Entry;
  readonly claim: Claim;
}

/** Takes the claims of neighbouring limits at once, and lets each policy say what its verdict means. */
function runLimits(step: Step & { kind: 'limits' }, subject: Subject): Outcome {
  const started = performance.now();
  const taken: Taken[] = [];
  let waiting: Promise<Decision | undefined> | undefined;
  for (const entry of step.entries) {
    const claim = () => claimOf(entry, subject, taken, started);
    if (waiting !== undefined) {
      waiting = waiting.then((decision) => decision ?? claim());
      continue;
    }
    const done = claim();
    if (done instanceof Promise) waiting = done;
    else if (done !== undefined) return done;
  }
  if (waiting === undefined) return take(step, subject, taken, started);
  return waiting.then((decision) => decision ?? take(step, subject, taken, started));
}

function claimOf(entry: Entry, subject: Subject, taken: Taken[], started: number): Outcome {
  const acts = applies(entry, subject, subject.upstream.name);
  if (acts instanceof Promise) return acts.then((yes) => (yes ? ask(entry, subject, taken, started) : undefined));
  return acts === true ? ask(entry, subject, taken, started) : undefined;
}

function ask(entry: Entry, subject: Subject, taken: Taken[], started: number): Outcome {
  const accept = (claim: Claim | Reply | undefined): Decision | undefined => {
    if (claim === undefined) return undefined;
    if ('kind' in claim) return refuse(entry, subject, claim, started);
    taken.push({ entry, claim });
    return undefined;
  };
  try {
    const claim = entry.instance.limit?.claim(entry.enforced ? subject : shadowContext(subject));
    if (claim instanceof Promise) return claim.then(accept, (error: unknown) => fault(entry, subject, error, started));
    return accept(claim);
  } catch (error) {
    return fault(entry, subject, error, started);
  }
}

function take(step: Step & { kind: 'limits' }, subject: Subject, taken: readonly Taken[], started: number): Outcome {
  if (taken.length === 0 || subject.over) return undefined;
  const failed = (error: unknown) => {
    let first: Decision | undefined;
    for (const { entry } of taken) {
      const decision = fault(entry, subject, error, started);
      first ??= decision;
    }
    return first;
  };
  try {
    const verdicts = step.store.take(taken.map((one) => one.claim));
    if (!(verdicts instanceof Promise)) return decide(subject, taken, verdicts, started);
    return verdicts.then((list) => decide(subject, taken, list, started), failed);
  } catch (error) {
    return failed(error);
  }
}

/** Every policy of the group is told, so that a refusal carries the headers of all limits; the longest wait counts. */
function decide(
  subject: Subject,
  taken: readonly Taken[],
  verdicts: readonly Verdict[],
  started: number,
): Decision | undefined {
  let first: Decision | undefined;
  for (const [i, { entry }] of taken.entries()) {
    const verdict = verdicts[i];
    if (verdict === undefined) continue;
    let decision: Decision | undefined;
    try {
      const ctx = entry.enforced ? subject : shadowContext(subject);
      decision = settle(entry, subject, undefined, entry.instance.limit?.decide(ctx, verdict), started);
    } catch (error) {
      decision = fault(entry, subject, error, started);
    }
    if (decision !== undefined && (first === undefined || waitOf(decision) > waitOf(first))) first = decision;
  }
  return first;
}

/** A client that waits for the shorter of two limits would be refused by the other one. */
function waitOf({ reply }: Decision): number {
  return reply.kind === 'problem' ? (reply.retryAfterMs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
}
