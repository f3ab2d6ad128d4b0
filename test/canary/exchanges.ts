/** Exchanges of all kinds. Each carries every credential that a client may send. */

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

const PROVIDERS = ['openai', 'anthropic', 'vllm', 'passing'];

/** Exchanges with an upstream that plays `what`, one upstream after the other. */
function played(what: string, options?: SendOptions): MakeExchange {
  return (secrets, turn) => ({
    bytes: post(secrets, turn, route(turn), chat(secrets), [`x-play: ${what}`]),
    ...(options && { options }),
  });
}

/** To one route, with these lines and that body. */
function sent(path: string, lines: readonly string[] = [], body = chat, options?: SendOptions): MakeExchange {
  return (secrets, turn) => ({ bytes: post(secrets, turn, path, body(secrets), lines), ...(options && { options }) });
}

function route(turn: number): string {
  // Kinds come in turns too: a fixed step would give each kind one upstream for ever.
  return `/${PROVIDERS[Math.floor(turn / kinds.length) % PROVIDERS.length] ?? 'openai'}`;
}

/** Every kind of exchange; a run goes through them in turns. */
export const kinds: readonly MakeExchange[] = [
  ...['json', '401', '429', '500', 'reset', 'reset before the head', 'stale', 'stall'].map((what) => played(what)),
  ...['in names', 'in an error event', 'in an error', 'in a header', 'in the status line', 'as garbage'].map((what) =>
    played(`echo ${what}`),
  ),
  ...['in a broken header', 'in a broken length', 'in a broken chunk'].map((what) => played(`echo ${what}`)),
  played('stream'),
  played('cut', { mayEndInError: true }),
  played('stall in a stream', { mayEndInError: true }),
  played('stall in a stream', { leaveAt: 'data: ' }),
  sent('/mtls'),
  sent('/away'),
  sent('/nowhere'),
  sent('/openai/../../etc'),
  sent('/openai', ['x-refuse: address']),
  ...['authorization', 'cookie', 'key'].map((name) => sent('/openai', [`x-limit: ${name}`])),
  sent('/openai', [], (secrets) =>
    JSON.stringify({ model: 'forbidden-1', messages: [{ content: secrets.prompt.text }] }),
  ),
  sent('/openai', [], (secrets) => `{"model": "gpt-4o-mini", "messages": ${secrets['malformed JSON'].text}`),
  sent('/anthropic', [], (secrets) => `{"model": ${secrets['malformed JSON where the model is read'].text}`),
  sent('/openai', ['content-encoding: gzip'], (secrets) => secrets.prompt.text),
  sent('/openai', [], (secrets) => secrets.prompt.text.repeat(6000)),
  sent('/openai', ['Expect: 100-continue']),
  sent('/openai', ['Expect: a miracle']),
  sent('/openai', [`x-long: ${'x'.repeat(20_000)}`]),
  sent('/openai', ['Transfer-Encoding: chunked']),
  upload,
  absolute,
  (secrets, turn) => ({ bytes: bare(secrets, turn, 'HEAD', '/openai/v1/models', []) }),
  (secrets, turn) => ({ bytes: bare(secrets, turn, 'TRACE', '/openai/v1/models', []) }),
  (secrets) => ({ bytes: `${secrets['a request that is none'].text} is no request\r\n\r\n` }),
  (secrets) => ({ bytes: `GET /openai HTTP/1.1\r\nHost: a\r\n${secrets['a request that is none'].text}\r\n\r\n` }),
  (secrets) => ({
    bytes: `GET /openai HTTP/1.1\r\nHost: a\r\n${secretHeaders(secrets, 0).join('\r\n')}\r\nbad header : x\r\n\r\n`,
  }),
  // Twice: half of the WebSockets are for the upstream that is told what the client sent.
  websocket('/openai', []),
  websocket('/passing', []),
  websocket('/openai', ['x-play: error']),
  websocket('/openai', ['x-refuse: address']),
  websocket('/away', []),
  websocket('/mtls', []),
];

function upload(secrets: Secrets, turn: number): Exchange {
  const name = secrets['name in a multipart body'].text;
  const body = [
    '--edge',
    `Content-Disposition: form-data; name="${name}"; filename="${name}.wav"`,
    '',
    'sound'.repeat(2000),
    '--edge--',
    '',
  ].join('\r\n');
  const lines = ['Content-Type: multipart/form-data; boundary=edge'];
  return { bytes: `${bare(secrets, turn, 'POST', '/openai/v1/audio/transcriptions', lines, body.length)}${body}` };
}

function absolute(secrets: Secrets, turn: number): Exchange {
  const target = `http://player:${secrets['userinfo of an absolute target'].text}@localhost/openai/v1/models`;
  return { bytes: bare(secrets, turn, 'GET', target, []) };
}

function websocket(path: string, lines: readonly string[]): MakeExchange {
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
    return {
      bytes: bare(secrets, turn, 'GET', `${path}/v1/realtime`, [...handshake, ...lines]),
      options: { frame, leaveAt },
    };
  };
}

function post(secrets: Secrets, turn: number, path: string, body: string, lines: readonly string[]): string {
  const chunked = lines.some((line) => line.startsWith('Transfer-Encoding'));
  const types = lines.some((line) => line.startsWith('Content-Type')) ? [] : ['Content-Type: application/json'];
  const head = bare(
    secrets,
    turn,
    'POST',
    `${path}/v1/chat/completions`,
    [...types, ...lines],
    chunked ? undefined : body.length,
  );
  return head + (chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body);
}

function bare(
  secrets: Secrets,
  turn: number,
  method: string,
  path: string,
  lines: readonly string[],
  length?: number,
): string {
  const all = [
    `${method} ${path}${secretQuery(secrets)} HTTP/1.1`,
    'Host: localhost',
    `x-request-id: run-${turn}`,
    ...(lines.some((line) => line.startsWith('Connection')) ? [] : ['Connection: close']),
    ...secretHeaders(secrets, turn),
    ...lines,
    ...(length === undefined ? [] : [`Content-Length: ${length}`]),
  ];
  return `${all.join('\r\n')}\r\n\r\n`;
}

function chat(secrets: Secrets): string {
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
