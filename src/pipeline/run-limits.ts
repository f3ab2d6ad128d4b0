/** Takes the claims of neighbouring limits at once, all or none, and lets each policy say what its verdict means. */
import { type RateLimitFields, ToldLimits } from '../limits/headers.ts';
import type { Claim, Verdict } from '../limits/store.ts';
import type { MaybePromise, Reply } from '../policy.ts';
import { enter, leave } from '../resources/redis-commands.ts';
import { fault, refuse, settle } from './decisions.ts';
import type { Entry, Step } from './entry.ts';
import { shadowContext } from './shadow.ts';
import type { Decision, Subject } from './subject.ts';
import { applies } from './when.ts';

type Outcome = MaybePromise<Decision | undefined>;
type LimitStep = Step & { kind: 'limits' };

/** What is to be taken: `entries[i]` has made `claims[i]`. */
class Taken {
  readonly entries: Entry[] = [];
  readonly claims: Claim[] = [];
}

/** Runs one group of limits; resolves to the refusal, or undefined to go on. */
export function runLimits(step: LimitStep, subject: Subject, started: number): Outcome {
  const taken = new Taken();
  let waiting: Promise<Decision | undefined> | undefined;
  for (const entry of step.entries) {
    if (waiting !== undefined) {
      waiting = waiting.then((decision) => decision ?? claimOf(entry, subject, taken, started));
      continue;
    }
    const done = claimOf(entry, subject, taken, started);
    if (done instanceof Promise) waiting = done;
    else if (done !== undefined) return done;
  }
  if (waiting === undefined) return take(step, subject, taken, started);
  return waiting.then((decision) => decision ?? take(step, subject, taken, started));
}

function claimOf(entry: Entry, subject: Subject, taken: Taken, started: number): Outcome {
  const acts = applies(entry, subject, subject.upstream.name);
  if (acts instanceof Promise) {
    return acts.then((yes) => (yes && !subject.over ? ask(entry, subject, taken, started) : undefined));
  }
  return acts === true ? ask(entry, subject, taken, started) : undefined;
}

function ask(entry: Entry, subject: Subject, taken: Taken, started: number): Outcome {
  let claim: MaybePromise<Claim | Reply | undefined>;
  try {
    claim = entry.instance.limit?.claim(entry.enforced ? subject : shadowContext(subject, entry));
  } catch (error) {
    return fault(entry, subject, error, started);
  }
  if (!(claim instanceof Promise)) return accept(entry, subject, taken, claim, started);
  return claim.then(
    (value) => accept(entry, subject, taken, value, started),
    (error: unknown) => fault(entry, subject, error, started),
  );
}

function accept(
  entry: Entry,
  subject: Subject,
  taken: Taken,
  claim: Claim | Reply | undefined,
  started: number,
): Decision | undefined {
  if (claim === undefined || claim === null) return undefined;
  if ('kind' in claim) return refuse(entry, subject, claim, started);
  taken.entries.push(entry);
  taken.claims.push(claim);
  return undefined;
}

function take(step: LimitStep, subject: Subject, taken: Taken, started: number): Outcome {
  if (taken.claims.length === 0 || subject.over) return undefined;
  let verdicts: MaybePromise<readonly Verdict[]>;
  const before = enter(subject.commands);
  try {
    verdicts = step.store.take(taken.claims);
  } catch (error) {
    return failed(subject, taken, error, started);
  } finally {
    leave(before);
  }
  if (!(verdicts instanceof Promise)) return decide(subject, taken, verdicts, started);
  return verdicts.then(
    (list) => decide(subject, taken, list, started),
    (error: unknown) => failed(subject, taken, error, started),
  );
}

/** The store has failed: a fault of each limit of the group, and any of them may say that it denies. */
function failed(subject: Subject, taken: Taken, error: unknown, started: number): Decision | undefined {
  let first: Decision | undefined;
  for (const entry of taken.entries) {
    const decision = fault(entry, subject, error, started);
    first ??= decision;
  }
  return first;
}

/** Every policy of the group is told, so that a refusal carries the headers of all limits; the longest wait counts. */
function decide(subject: Subject, taken: Taken, verdicts: readonly Verdict[], started: number): Decision | undefined {
  let chosen: Decision | undefined;
  const { entries } = taken;
  for (let i = 0; i < entries.length; i++) {
    const decision = decideOne(entries[i] as Entry, subject, verdicts[i], started);
    if (decision === undefined) continue;
    if (chosen !== undefined) tellBeside(subject, waitOf(decision) > waitOf(chosen) ? chosen : decision);
    if (chosen === undefined || waitOf(decision) > waitOf(chosen)) chosen = decision;
  }
  return chosen;
}

function decideOne(
  entry: Entry,
  subject: Subject,
  verdict: Verdict | undefined,
  started: number,
): Decision | undefined {
  try {
    if (verdict === undefined) throw new TypeError('the limit store has no verdict for it');
    const ctx = entry.enforced ? subject : shadowContext(subject, entry);
    const { limit } = entry.instance;
    const result = limit?.decide(ctx, verdict);
    // Else the request would pass without anything having been taken.
    if (!verdict.allowed && (result === undefined || result === null || !('kind' in result))) {
      throw new TypeError('a limit must answer with a Reply when its verdict is not allowed');
    }
    if (limit?.fields !== undefined && entry.enforced && verdict.unchecked !== true)
      tell(subject, limit.fields, verdict);
    return settle(entry, subject, undefined, result, started);
  } catch (error) {
    return fault(entry, subject, error, started);
  }
}

function tell(subject: Subject, fields: RateLimitFields, verdict: Verdict): void {
  if (subject.told !== undefined) {
    subject.told.add(fields, verdict);
    return;
  }
  subject.told = new ToldLimits(fields, verdict);
  subject.addHooks(subject.told);
}

/** Several limits refuse: the headers of those that are not the answer are added to it. */
function tellBeside(subject: Subject, { reply }: Decision): void {
  const { headers } = reply;
  if (headers === undefined) return;
  subject.addHooks({
    responseStart(head) {
      for (const name in headers) head.headers.append(name, headers[name] ?? '');
    },
  });
}

/** A client that waits for the shorter of two limits would be refused by the other one. */
function waitOf({ reply }: Decision): number {
  return reply.kind === 'problem' ? (reply.retryAfterMs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
}
