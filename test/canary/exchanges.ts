/** Exchanges of all kinds. Each carries every credential that a client may send. */

import { callerKinds } from './caller-exchanges.ts';
import type { SendOptions } from './client.ts';
import { secretHeaders } from './client-secrets.ts';
import type { PlaceName } from './places.ts';
import { bare, chat, type Exchange, type MakeExchange, post, websocket } from './request-bytes.ts';
import type { Secret } from './secrets.ts';

type Secrets = Readonly<Record<PlaceName, Secret>>;

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
  // What is answered by the key, see `pools.ts`, and what goes wrong with the second attempt.
  ...['/pool-a', '/pool-b'].flatMap((path) => [
    sent(path),
    sent(path, ['x-play: stream']),
    sent(path, ['x-play: echo in names']),
    websocket(path, []),
  ]),
  sent('/pool-a', ['x-play: cut'], chat, { mayEndInError: true }),
  sent('/pool-a', ['x-play: reset before the head']),
  sent('/pool-a', ['x-play: echo in a header']),
  sent('/pool-b', ['x-play: error']),
  sent('/pool-b', ['x-play: echo as garbage']),
  ...callerKinds,
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
