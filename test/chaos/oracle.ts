/** Judges one exchange by the laws of the design, once every side of it has come to rest. */
import type { Exchange, UpstreamRecord } from './exchange.ts';
import { allowedOutcomes } from './expected.ts';
import { judgeEnds } from './judge-ends.ts';
import { judgeRequest } from './judge-request.ts';
import { judgeResponse } from './judge-response.ts';
import type { LagWatch } from './lag.ts';
import { type Outcome, outcomeOf, whole } from './outcome.ts';

/**
 * How long after the client has gone everything else may take, in milliseconds. The design's 20 ms are held where nothing
 * else runs; here hundreds of exchanges share one loop. It is shorter than any timeout that would end them otherwise.
 */
const promptMs = 1000;
/** What the configuration lets the route `drained` read on for. */
export const drainMs = 1000;
/** A timer this late can be why a timeout of Sluice has fired. */
const lateMs = 300;

/** Whether nothing more is going to happen to an exchange. */
export function atRest({ client, attempts, policies }: Exchange): boolean {
  if (client.terminal === undefined) return false;
  // What a client that has left has written may lie in the kernel still.
  if (client.headSent && policies.size === 0) return false;
  if (attempts.some((attempt) => !whole(attempt) && attempt.closedAt === undefined)) return false;
  return [...policies.values()].every((record) => record.ends.length > 0);
}

/** How long to wait for {@link atRest} after the client's end. */
export function restMs(exchange: Exchange): number {
  return 2000 + (exchange.script.upstream === 'drained' ? 2 * drainMs : 0);
}

/** Adds what is against a law to `exchange.violations`; returns what the client got. */
export function judge(exchange: Exchange, lag: LagWatch): Outcome {
  const { client, violations } = exchange;
  const outcome = outcomeOf(exchange);
  const late = lag.between(client.startedAt, performance.now());
  if (outcome !== 'wrong' && outcome !== 'left' && client.leftAt === undefined) {
    const excused = late > lateMs && (outcome.endsWith('_timeout') || outcome === 'cut' || outcome === 'in-band');
    const allowed = allowedOutcomes(exchange);
    if (!allowed.has(outcome) && !excused) violations.push(`${outcome}, where only ${[...allowed].join(', ')} may be`);
  }
  judgeResponse(exchange, outcome);
  judgeRequest(exchange, outcome);
  judgeEnds(exchange, outcome);
  judgeSpeed(exchange, lag);
  return outcome;
}

/** Law 3, and that a cut reaches the client. */
function judgeSpeed(exchange: Exchange, lag: LagWatch): void {
  const { client, script, attempts, violations } = exchange;
  const drained = script.upstream === 'drained' ? drainMs : 0;
  const slack =
    promptMs +
    drained +
    (script.fault.kind === 'slow-read' ? 500 : 0) +
    (script.fault.kind === 'slow-accept' ? 100 : 0);
  for (const attempt of attempts) {
    if (client.leftAt !== undefined) {
      const from = Math.max(client.leftAt, attempt.startedAt);
      const until = settledAt(attempt);
      const took = until - from;
      if (took > slack + 2 * lag.between(from, until)) {
        violations.push(`the upstream went on for ${Math.round(took)} ms after the client had left`);
      }
    }
    if (
      attempt.struckAt !== undefined &&
      client.leftAt === undefined &&
      script.client.readPauses === 0 &&
      client.sent
    ) {
      // Sluice is done when it tells the end; the client's own reading shares the loop with all the others.
      const told = exchange.policies.get('chaos-first')?.endedAt ?? client.endedAt;
      const took = Math.min(client.endedAt, told) - attempt.struckAt;
      const retried = attempts.length > attempt.number + 1;
      if (!retried && took > promptMs + 2 * lag.between(attempt.struckAt, client.endedAt)) {
        violations.push(`the client learnt of the cut after ${Math.round(took)} ms`);
      }
    }
  }
  if (client.leftAt === undefined) return;
  for (const [id, { startedAt, endedAt }] of exchange.policies) {
    const from = Math.max(client.leftAt, startedAt);
    const took = endedAt - from;
    if (took > slack + 2 * lag.between(from, endedAt)) {
      violations.push(`${id} was told the end ${Math.round(took)} ms after the client had left`);
    }
  }
}

function settledAt(attempt: UpstreamRecord): number {
  if (attempt.finished) return attempt.finishedAt;
  return attempt.closedAt ?? performance.now();
}
