/** Whether every policy was told one end, of a kind that fits. */
import type { Exchange, PolicyRecord } from './exchange.ts';
import { resetBehindAnswer } from './expected.ts';
import { answeringAttempt, type Outcome, whole } from './outcome.ts';

/** See the module. */
export function judgeEnds(exchange: Exchange, outcome: Outcome): void {
  const { client, policies, violations } = exchange;
  const first = policies.get('chaos-first');
  if (first === undefined) {
    if (client.headSent && outcome !== 'left' && outcome !== 'wrong')
      violations.push('it was answered and no policy has seen it');
    if (exchange.attempts.length > 0) violations.push('it reached the upstream and no policy has seen it');
    return;
  }
  for (const [id, record] of policies) {
    if (record.requests !== 1) violations.push(`${id} saw the request ${record.requests} times`);
    if (record.ends.length !== 1)
      violations.push(`${id} was told ${record.ends.length} ends: ${record.ends.join(', ')}`);
    if (record.responseStarts > 1) violations.push(`${id} saw ${record.responseStarts} heads`);
    const kind = record.ends[0];
    if (kind !== undefined && !fits(exchange, outcome, kind))
      violations.push(`${id} was told "${kind}" and the client got ${outcome}`);
  }
  if (client.head !== undefined && outcome !== 'bad_request' && first.responseStarts === 0)
    violations.push('a head went out and no policy has seen it');
  if (answeringAttempt(exchange) !== undefined) judgeBytes(exchange, first, outcome);
}

function judgeBytes({ client, script, violations }: Exchange, record: PolicyRecord, outcome: Outcome): void {
  if (script.kind === 'websocket' || outcome === 'wrong') return;
  if (client.extra.length === 0 && record.chunkBytes < client.matched)
    violations.push(`policies saw ${record.chunkBytes} bytes, the client ${client.matched}`);
  if (outcome === 'complete' && record.bytes !== client.matched)
    violations.push(`policies were told ${record.bytes} bytes of ${client.matched}`);
}

/** Whether an end is one that this exchange can have had. */
function fits(exchange: Exchange, outcome: Outcome, kind: string): boolean {
  const { script, client } = exchange;
  const cutByPolicy = script.policy.act === 'abort' || script.request.bytes > 512 * 1024;
  switch (outcome) {
    case 'complete':
      // A WebSocket that a policy cuts may have said all that this client waits for.
      return kind === 'complete' || (script.kind === 'websocket' && kind === 'failed' && script.policy.act === 'abort');
    case 'cut':
    case 'in-band':
      if (client.leftAt !== undefined) return true;
      if (kind === 'complete' && resetBehindAnswer(exchange)) return true;
      // A FIN between frames: the client sees what the upstream did, and no side has said that anything is missing.
      if (script.kind === 'websocket' && script.fault.kind === 'fin' && kind === 'complete') return true;
      return kind === 'upstream_abort' || (kind === 'failed' && cutByPolicy);
    case 'left':
    case 'closed':
    case 'own-cut':
    case 'wrong':
    case 'stuck': {
      // All was handed over, the client left without having read it; else it was not complete for anybody.
      const served = exchange.attempts.some(whole) || script.kind === 'websocket' || script.fault.kind === 'ws-refused';
      return kind !== 'complete' || served;
    }
    case 'bad_request':
      // The answer to a broken request may overtake what the exchange itself comes to.
      return kind === 'replied' || kind === 'client_abort' || kind === 'failed';
    default:
      return kind === (outcome.startsWith('upstream_') ? 'failed' : 'replied');
  }
}
