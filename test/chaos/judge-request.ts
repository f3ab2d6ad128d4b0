/** Whether the upstream got the client's request, all of it or honestly a part, and nothing that is not meant for it. */
import type { Exchange, UpstreamRecord } from './exchange.ts';
import { clientFrames } from './frames.ts';
import { field } from './message-reader.ts';
import { answeringAttempt, type Outcome } from './outcome.ts';
import { clientKey, providerKey, turnHeader } from './request-head.ts';

/** See the module. */
export function judgeRequest(exchange: Exchange, outcome: Outcome): void {
  const { script, violations } = exchange;
  const attempts = inTheirTurn(exchange);
  const bytes = script.kind === 'websocket' ? clientFrames(script).length : script.request.bytes;
  for (const attempt of attempts) {
    if (attempt.mismatch) violations.push('the upstream got body bytes that the client has not sent');
    if (attempt.received > bytes) violations.push('the upstream got more body than there is');
    if (script.kind === 'http' && attempt.bodyComplete && attempt.received !== bytes) {
      violations.push(`a request cut after ${attempt.received} of ${bytes} bytes looked whole to the upstream`);
    }
    judgeHead(exchange, attempt);
    if (attempt !== attempts.at(-1)) judgeRepetition(exchange, attempt);
  }
  // One for the policy that asks for it, and one where a kept-alive connection was closed under it.
  const stale = attempts.some(({ position, sent }) => position > 0 && sent === 0);
  if (attempts.length > (stale ? 3 : 2)) violations.push(`${attempts.length} attempts reached the upstream`);
  const answered = answeringAttempt(exchange);
  const early = script.fault.kind.startsWith('early') || script.fault.kind === 'ws-refused';
  const stayed = exchange.client.leftAt === undefined && exchange.client.sent;
  if (outcome === 'complete' && answered !== undefined && stayed && !early && answered.received !== bytes) {
    violations.push(`the upstream got ${answered.received} of ${bytes} bytes of body and its answer is complete`);
  }
}

/** In the order in which Sluice sent them: one that met a connection which was being closed may be read after its repetition. */
function inTheirTurn({ attempts }: Exchange): UpstreamRecord[] {
  const turn = ({ head, number }: UpstreamRecord) => Number(field(head, turnHeader) ?? number);
  return attempts.toSorted((a, b) => turn(a) - turn(b));
}

function judgeHead({ script, violations }: Exchange, { head }: UpstreamRecord): void {
  const anthropic = script.upstream === 'anthropic';
  const key = field(head, anthropic ? 'x-api-key' : 'authorization');
  if (key !== (anthropic ? providerKey : `Bearer ${providerKey}`)) violations.push(`the upstream got the key ${key}`);
  const raw = JSON.stringify(head);
  if (raw.includes(clientKey)) violations.push("the client's key reached the upstream");
  if (field(head, 'cookie') !== undefined) violations.push('a cookie reached the upstream');
  if (field(head, 'x-request-id') !== `chaos-${script.index}`)
    violations.push('the request id did not reach the upstream');
  if (field(head, 'expect') !== undefined) violations.push('Expect reached the upstream');
}

/** Another attempt is right where a policy asked for it, or where a kept-alive connection was stale (RFC 9110 §9.2.2). */
function judgeRepetition({ script, violations }: Exchange, attempt: UpstreamRecord): void {
  if (script.policy.act === 'retry') return;
  // A reset discards what has been sent before it: then nothing of it may have come.
  const discarded = /rst|close/.test(script.fault.kind);
  if (attempt.sent > 0 && !discarded) violations.push(`sent again after ${attempt.sent} bytes of an answer`);
  else if (attempt.position === 0) violations.push('sent again although its connection was new');
}
