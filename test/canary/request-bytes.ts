/** The bytes of requests. */
import type { SendOptions } from './client.ts';
import { secretHeaders, secretQuery, secretSubprotocols } from './client-secrets.ts';
import type { PlaceName } from './places.ts';
import type { Secret } from './secrets.ts';

type Secrets = Readonly<Record<PlaceName, Secret>>;

/** What one exchange sends and what comes of it. */
export interface Exchange {
  readonly bytes: string;
  readonly options?: SendOptions;
}

/** Makes the exchange of number `turn`; its request id is `run-TURN`. */
export type MakeExchange = (secrets: Secrets, turn: number) => Exchange;

/** A WebSocket: its handshake, one frame once that is answered, and it leaves when one has come back. */
export function websocket(
  path: string,
  lines: readonly string[],
  who: (secrets: Secrets, turn: number) => readonly string[] = secretHeaders,
): MakeExchange {
  return (secrets, turn) => {
    const text = Buffer.from(secrets['WebSocket frame'].text);
    // A mask of zeros leaves the text readable for who records it.
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]);
    const handshake = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `Sec-WebSocket-Protocol: ${secretSubprotocols(secrets)}`,
    ];
    const leaveAt = secrets['WebSocket frame of an upstream'].text;
    const all = [...handshake, ...lines];
    return {
      bytes: bare(secrets, turn, 'GET', `${path}/v1/realtime`, all, undefined, who(secrets, turn)),
      options: { frame, leaveAt },
    };
  };
}

/** A POST with a body, of its length or, where `lines` say so, in one chunk. */
export function post(
  secrets: Secrets,
  turn: number,
  path: string,
  body: string,
  lines: readonly string[],
  who: readonly string[] = secretHeaders(secrets, turn),
): string {
  const chunked = lines.some((line) => line.startsWith('Transfer-Encoding'));
  const types = lines.some((line) => line.startsWith('Content-Type')) ? [] : ['Content-Type: application/json'];
  const head = bare(
    secrets,
    turn,
    'POST',
    `${path}/v1/chat/completions`,
    [...types, ...lines],
    chunked ? undefined : body.length,
    who,
  );
  return head + (chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body);
}

/** A request's head; `who` says who sends it. */
export function bare(
  secrets: Secrets,
  turn: number,
  method: string,
  path: string,
  lines: readonly string[],
  length?: number,
  who: readonly string[] = secretHeaders(secrets, turn),
): string {
  const all = [
    `${method} ${path}${secretQuery(secrets)} HTTP/1.1`,
    'Host: localhost',
    `x-request-id: run-${turn}`,
    ...(lines.some((line) => line.startsWith('Connection')) ? [] : ['Connection: close']),
    ...who,
    ...lines,
    ...(length === undefined ? [] : [`Content-Length: ${length}`]),
  ];
  return `${all.join('\r\n')}\r\n\r\n`;
}

/** A body of a chat, with a player's text in all its places. */
export function chat(secrets: Secrets): string {
  const call = { name: 'move', arguments: JSON.stringify({ to: secrets['tool argument'].text }) };
  return JSON.stringify({
    model: 'gpt-4o-mini',
    user: secrets['name of a player'].text,
    max_tokens: 100,
    messages: [
      { role: 'system', content: secrets['system prompt'].text },
      { role: 'user', content: secrets.prompt.text },
      { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: call }] },
    ],
  });
}
