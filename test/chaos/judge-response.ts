/** Whether the response's head, informational responses and trailers came through. */
import type { Exchange } from './exchange.ts';
import { field } from './message-reader.ts';
import { answeringAttempt, bodySent, type Outcome } from './outcome.ts';
import { bodyless } from './wire.ts';

/** See the module. */
export function judgeResponse(exchange: Exchange, outcome: Outcome): void {
  const { client, script, violations } = exchange;
  const attempt = answeringAttempt(exchange);
  const { head } = client;
  if (head === undefined || attempt?.wire === undefined) return;
  const wire = attempt.wire.bytes.toString('latin1', attempt.wire.finalAt, attempt.wire.headEnd).split('\r\n');
  if (script.kind === 'http') {
    const status = head.startLine.split(' ')[1];
    if (status !== wire[0]?.split(' ')[1]) violations.push(`status ${status} for ${wire[0]}`);
    const got = head.lines.map(([name, value]) => `${name}: ${value}`);
    for (const line of wire.slice(1, -2)) {
      const [name = '', value = ''] = line.split(': ');
      const hop = /^(?:transfer-encoding|connection)$/i.test(name);
      const at = got.indexOf(`${name.toLowerCase()}: ${value}`);
      if (!hop && at < 0) violations.push(`the header "${line}" has not come through`);
      if (at >= 0) got.splice(at, 1);
    }
    const strange = got.filter(
      (line) =>
        !/^(?:connection|keep-alive|transfer-encoding|x-sluice-request-id|ratelimit|ratelimit-policy|x-should-retry): /.test(
          line,
        ),
    );
    if (strange.length > 0) violations.push(`headers that nobody has sent: ${strange.join(' | ')}`);
  }
  if (field(head, 'x-sluice-request-id') !== `chaos-${script.index}`) violations.push('no x-sluice-request-id');
  if (outcome === 'complete') judgeExtras(exchange, attempt.number);
  // Time enough for all that had been read: a stalled upstream's last bytes are with the client before the timeout.
  const reading = script.client.readPauses === 0 && client.leftAt === undefined && client.sent;
  const stalled = script.fault.kind === 'stall' && attempt.number === 0 && script.policy.act !== 'abort';
  if (outcome === 'cut' && stalled && reading && client.matched < bodySent(attempt)) {
    violations.push(`only ${client.matched} of ${bodySent(attempt)} bytes came through before the stall's timeout`);
  }
}

function judgeExtras({ client, script, violations }: Exchange, attempt: number): void {
  if (script.kind === 'websocket' || script.request.version === '1.0') return;
  const flood = attempt === 0 && script.fault.kind === 'informational-flood';
  const hints = flood || script.fault.kind === 'informational-flood' ? 60 : script.response.informational;
  const expected = hints + (script.request.expect ? 1 : 0);
  // An attempt before this one may have sent some too.
  if (client.interim < expected && client.leftAt === undefined) {
    violations.push(`${client.interim} of ${expected} informational responses came through`);
  }
  if (!script.response.trailers || bodyless(script)) return;
  const trailer = client.trailers.find(([name]) => name === 'x-chaos-trailer');
  if (trailer?.[1] !== String(script.index)) violations.push('the trailers have not come through');
}
