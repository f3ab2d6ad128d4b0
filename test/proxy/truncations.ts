/** Where an upstream can leave its event stream unfinished, how, and what the bytes are in each dialect. */
import type { RawExchange } from '../support/raw-upstream.ts';

/** What the upstream does in the place of going on. */
export const faults = ['FIN', 'RST', 'stall'] as const;
/** See {@link faults}. */
export type Fault = (typeof faults)[number];

/** How a dialect streams, event by event; the last one is its terminator. */
export interface StreamOfDialect {
  readonly path: string;
  readonly events: readonly string[];
  readonly terminator: string;
}

const data = (json: object) => `data: ${JSON.stringify(json)}\n\n`;
const named = (type: string, json: object = {}) => `event: ${type}\n${data({ type, ...json })}`;
const choice = (delta: object, finish_reason: string | null) =>
  data({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta, finish_reason }] });

/** The streams of the matrix. */
export const streams = {
  openai: {
    path: '/v1/chat/completions',
    events: [choice({ role: 'assistant', content: '' }, null), choice({ content: 'Hi' }, null), choice({}, 'stop')],
    terminator: 'data: [DONE]\n\n',
  },
  anthropic: {
    path: '/v1/messages',
    events: [
      named('message_start', {
        message: { id: 'm', type: 'message', role: 'assistant', content: [], model: 'm', usage: { input_tokens: 1 } },
      }),
      named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      named('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hi' } }),
      named('content_block_stop', { index: 0 }),
      named('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } }),
    ],
    terminator: named('message_stop'),
  },
  none: { path: '/v1/x', events: [data({ n: 1 }), data({ n: 2 }), data({ n: 3 })], terminator: 'data: end\n\n' },
} as const satisfies Record<string, StreamOfDialect>;

/** A dialect of the matrix. */
export type MatrixDialect = keyof typeof streams;

/** The head of an event stream. */
export const streamHead = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

/** One chunk. */
export const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** A point at which the upstream stops. */
export interface Cut {
  readonly name: string;
  /** What it has sent until then. */
  readonly sent: (stream: StreamOfDialect) => string;
  /** What the client must have received before the upstream acts. */
  readonly seen: (stream: StreamOfDialect) => string;
  /** How many whole events the client has then; undefined where an error event may not follow. */
  readonly boundary?: (stream: StreamOfDialect) => number;
}

const half = (event: string | undefined) => (event ?? '').slice(0, 12);

/** The points, in the order of the stream. */
export const cuts: readonly Cut[] = [
  { name: 'before the head', sent: () => '', seen: () => '' },
  { name: 'after the head', sent: () => streamHead, seen: () => '\r\n\r\n', boundary: () => 0 },
  {
    name: 'within a chunk',
    sent: ({ events }) => `${streamHead}${chunk(events[0] ?? '')}ff\r\n${half(events[1])}`,
    seen: ({ events }) => half(events[1]),
  },
  {
    name: 'between chunks, within an event',
    sent: ({ events }) => streamHead + chunk(events[0] ?? '') + chunk(half(events[1])),
    seen: ({ events }) => half(events[1]),
  },
  {
    name: 'between chunks, between events',
    sent: ({ events }) => streamHead + chunk(events[0] ?? ''),
    seen: ({ events }) => events[0] ?? '',
    boundary: () => 1,
  },
  {
    name: "after the last event, before the dialect's terminator",
    sent: ({ events }) => streamHead + events.map(chunk).join(''),
    seen: ({ events }) => events.at(-1) ?? '',
    boundary: ({ events }) => events.length,
  },
  {
    name: "after the dialect's terminator, before the last chunk's",
    sent: ({ events, terminator }) => streamHead + [...events, terminator].map(chunk).join(''),
    seen: ({ terminator }) => terminator,
  },
];

/** Acts, and says when the client can know of it at the earliest. */
export function act(exchange: RawExchange, fault: Fault, stallMs: number): number {
  const now = performance.now();
  if (fault === 'stall') return now + stallMs;
  if (fault === 'FIN') exchange.end();
  else exchange.reset();
  return now;
}
