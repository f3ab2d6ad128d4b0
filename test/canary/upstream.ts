/** Upstreams that record every byte and answer as the header `x-play` of the request says. */
import { createHash } from 'node:crypto';
import type { Scope } from '../support/close-after.ts';
import { type RawExchange, type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import type { PlaceName } from './places.ts';
import { answersByKey } from './pools.ts';
import type { Secret } from './secrets.ts';

type Secrets = Readonly<Record<PlaceName, Secret>>;

/** Starts one; its name is in every head it sends, so that its bytes can be told from those of Sluice. */
export function startUpstream(name: string, secrets: Secrets, t: Scope, port = 0): Promise<RawUpstream> {
  const byKey = answersByKey(secrets);
  return startRawUpstream((exchange) => play(name, secrets, byKey, exchange), { t, port });
}

type Play = (exchange: RawExchange, answer: Answers) => unknown;

async function play(
  name: string,
  secrets: Secrets,
  byKey: ReadonlyMap<string, string>,
  exchange: RawExchange,
): Promise<void> {
  const answers = new Answers(name, secrets, exchange);
  const refusal = byKey.get(answers.key.replace(/^Bearer /, ''));
  const wanted = refusal ?? exchange.head.get('x-play') ?? 'json';
  const shakes = refusal === undefined && wanted !== 'error';
  if (exchange.head.get('upgrade') !== undefined && shakes) return shake(exchange, answers);
  const chosen = plays[wanted];
  if (chosen === undefined) throw new Error(`an upstream cannot play ${wanted}`);
  await chosen(exchange, answers);
}

/** What the answers of one exchange are made of. */
class Answers {
  readonly secrets: Secrets;
  readonly key: string;
  readonly #name: string;
  readonly #head: boolean;

  constructor(name: string, secrets: Secrets, { head, method }: RawExchange) {
    this.#name = name;
    this.secrets = secrets;
    this.#head = method === 'HEAD';
    this.key = head.get('authorization') ?? head.get('x-api-key') ?? 'none';
  }

  head(status: number, lines: readonly string[] = []): string {
    return [`HTTP/1.1 ${status} Played`, `x-fake-upstream: ${this.#name}`, ...lines, '', ''].join('\r\n');
  }

  json(status: number, body: object, lines: readonly string[] = []): string {
    const text = JSON.stringify(body);
    const all = ['content-type: application/json', `content-length: ${text.length}`, ...lines];
    return this.head(status, all) + (this.#head ? '' : text);
  }

  completion(members: object = {}): object {
    const { secrets } = this;
    const call = { name: 'move', arguments: JSON.stringify({ to: secrets['tool call of an answer'].text }) };
    const message = {
      role: 'assistant',
      content: secrets.answer.text,
      tool_calls: [{ id: 'c1', type: 'function', function: call }],
    };
    return {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      model: 'gpt-4o-mini',
      choices: [{ index: 0, message, finish_reason: 'tool_calls' }],
      usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
      ...members,
    };
  }

  event(): string {
    const choice = { index: 0, delta: { content: this.secrets.answer.text }, finish_reason: null };
    return `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', model: 'gpt-4o-mini', choices: [choice] })}\n\n`;
  }

  error(message: string): object {
    return { error: { message, type: 'invalid_request_error', param: null, code: 'played' } };
  }
}

const sse = ['content-type: text/event-stream', 'transfer-encoding: chunked'];
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

const plays: Readonly<Record<string, Play>> = {
  json: (x, a) => x.write(a.json(200, a.completion())),
  stream: async (x, a) => {
    await x.write(a.head(200, sse) + chunk(a.event()));
    await x.write(`${chunk(a.event())}${chunk('data: [DONE]\n\n')}0\r\n\r\n`);
  },
  // Between two events: Sluice may end such a stream with an event of its own.
  cut: async (x, a) => {
    await x.write(a.head(200, sse) + chunk(a.event()));
    x.end();
  },
  reset: async (x, a) => {
    await x.write(a.head(200, ['content-type: application/json', 'content-length: 4000']) + a.secrets.answer.text);
    x.reset();
  },
  'reset before the head': (x) => x.reset(),
  // A connection that has served before: Sluice tries once more on another one.
  stale: (x, a) => (x.index > 0 ? x.reset() : x.write(a.json(200, a.completion()))),
  stall: () => undefined,
  'stall in a stream': (x, a) => x.write(a.head(200, sse) + chunk(a.event())),
  401: (x, a) => x.write(a.json(401, a.error(`no such key: ${a.secrets['error body of an upstream'].text}`))),
  429: (x, a) => x.write(a.json(429, a.error(a.secrets['error body of an upstream'].text), ['retry-after: 1'])),
  // As short a rest as a key can be told: the next requests come with it again.
  limited: (x, a) =>
    x.write(a.json(429, a.error(a.secrets['error body of an upstream'].text), ['retry-after-ms: 100'])),
  500: (x, a) => x.write(a.json(500, a.error(a.secrets['error body of an upstream'].text))),
  // What it sends back of the key goes to the client as it is, and nowhere else.
  'echo in an error': (x, a) => x.write(a.json(401, a.error(`Incorrect API key provided: ${a.key}`))),
  'echo in names': (x, a) => {
    const choices = [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: a.key }];
    return x.write(a.json(200, a.completion({ id: a.key, model: a.key, choices, system_fingerprint: a.key })));
  },
  'echo in an error event': (x, a) => {
    const error = { error: { message: a.key, type: a.key, code: a.key, param: a.key } };
    return x.write(`${a.head(200, sse)}${chunk(`event: error\ndata: ${JSON.stringify(error)}\n\n`)}0\r\n\r\n`);
  },
  'echo in a header': (x, a) => x.write(a.json(400, a.error('bad'), [`x-echo: ${a.key}`])),
  'echo in the status line': (x, a) =>
    x.write(`HTTP/1.1 200 ${a.key}\r\nx-fake-upstream: echo\r\ncontent-length: 0\r\n\r\n`),
  'echo as garbage': (x, a) => x.write(`${a.key} is no response\r\n\r\n`).then(() => x.end()),
  'echo in a broken header': (x, a) =>
    x.write(`HTTP/1.1 200 OK\r\n${a.key} : x\r\n${a.key}\r\n\r\n`).then(() => x.end()),
  'echo in a broken length': (x, a) =>
    x.write(`HTTP/1.1 200 OK\r\ncontent-length: ${a.key}\r\n\r\n`).then(() => x.end()),
  'echo in a broken chunk': (x, a) => x.write(`${a.head(200, sse)}${a.key}\r\n`).then(() => x.end()),
  error: (x, a) => x.write(a.json(403, a.error(a.secrets['error body of an upstream'].text))),
};

/** A WebSocket (RFC 6455): answers each read with one text frame. */
async function shake({ head, socket, write }: RawExchange, answers: Answers): Promise<void> {
  const key = `${head.get('sec-websocket-key') ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  const lines = ['upgrade: websocket', 'connection: Upgrade', `sec-websocket-accept: ${accept}`];
  await write(answers.head(101, lines));
  const text = Buffer.from(answers.secrets['WebSocket frame of an upstream'].text);
  socket.on('data', () => socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text])));
}
