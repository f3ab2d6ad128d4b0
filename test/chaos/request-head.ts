/** The head of a script's request, with credentials and cookies that must not reach the upstream. */
import type { Script } from './script.ts';

/** Which attempt of its exchange it is, as Sluice counts them. */
export const turnHeader = 'x-chaos-attempt';
/** What clients send as their own key. */
export const clientKey = 'the-clients-own-key';
/** What Sluice injects. */
export const providerKey = 'the-providers-key';

/** The bytes of a request's head. */
export function requestHead(script: Script): Buffer {
  const { request, index } = script;
  const lines = [
    `${request.method} /${script.upstream}${script.path} HTTP/${request.version}`,
    'Host: chaos',
    `Authorization: Bearer ${clientKey}`,
    'Cookie: player=1',
    `X-Request-Id: chaos-${index}`,
    `X-Player: ${script.policy.act === 'greedy' ? 'greedy' : `player-${index}`}`,
  ];
  if (script.kind === 'websocket') {
    lines.push('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13');
    lines.push(`Sec-WebSocket-Key: ${Buffer.from(String(index).padStart(16, '0')).toString('base64')}`);
  }
  if (request.framing === 'length') lines.push('Content-Type: application/json', `Content-Length: ${request.bytes}`);
  if (request.framing === 'chunked') lines.push('Content-Type: application/json', 'Transfer-Encoding: chunked');
  if (request.expect) lines.push('Expect: 100-continue');
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
