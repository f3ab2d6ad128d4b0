/** The bytes of an upstream's response, and which of them are body: so that it is known what a cut has let through. */
import { gzipSync } from 'node:zlib';
import { patternBytes } from './pattern.ts';
import { Prng } from './prng.ts';
import type { Script } from './script.ts';

/** A response as it would be sent if nothing went wrong. */
export interface Wire {
  readonly bytes: Buffer;
  /** Where informational heads end and the final head begins. */
  readonly finalAt: number;
  /** Where the head ends. */
  readonly headEnd: number;
  /** The decoded body. */
  readonly body: Buffer;
  /** Where each chunk's data begins in `bytes` and in `body`, and how long it is. */
  readonly chunks: readonly Chunk[];
}

interface Chunk {
  readonly wireAt: number;
  readonly bodyAt: number;
  readonly length: number;
}

/** Names the exchange and the attempt that a response belongs to. */
export const marker = 'x-chaos-upstream';

/** Builds the response of a script's attempt number `attempt`, from 0. */
export function buildWire(script: Script, attempt: number): Wire {
  const { response } = script;
  const body = bodyless(script) ? Buffer.alloc(0) : bodyOf(script);
  const informational = 'HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n'.repeat(
    script.fault.kind === 'informational-flood' ? 60 : response.informational,
  );
  const lines = [
    `HTTP/1.1 ${response.status} Chaos`,
    `${marker}: ${script.index}.${attempt}`,
    `Content-Type: ${response.content === 'json' ? 'application/json' : 'text/event-stream'}`,
    'Set-Cookie: a=1',
    'Set-Cookie: b=2',
    'X-Request-Id: of-the-provider',
    'Date: Thu, 01 Jan 2026 00:00:00 GMT',
  ];
  if (response.content === 'gzip-sse') lines.push('Content-Encoding: gzip');
  if (response.framing === 'length') lines.push(`Content-Length: ${bodyless(script) ? response.bytes : body.length}`);
  if (response.framing === 'chunked') lines.push('Transfer-Encoding: chunked');
  if (response.framing === 'close') lines.push('Connection: close');
  const head = `${lines.join('\r\n')}\r\n\r\n`;
  const before = Buffer.from(informational + head);
  const framed =
    response.framing === 'chunked' && !bodyless(script)
      ? chunked(script, body, before.length)
      : plain(body, before.length);
  return {
    bytes: Buffer.concat([before, ...framed.parts]),
    finalAt: informational.length,
    headEnd: before.length,
    body,
    chunks: framed.chunks,
  };
}

/** How many bytes of body lie in the first `offset` bytes. */
export function bodyBytesBefore(wire: Wire, offset: number): number {
  let bytes = 0;
  for (const chunk of wire.chunks) {
    if (chunk.wireAt >= offset) break;
    bytes = chunk.bodyAt + Math.min(chunk.length, offset - chunk.wireAt);
  }
  return bytes;
}

/** Whether this response has no body, whatever its head says (RFC 9110 §6.4.1). */
export function bodyless({ request, response }: Script): boolean {
  return request.method === 'HEAD' || response.framing === 'empty';
}

/** The bytes with which an event stream of this script's dialect says that it is whole. */
export function terminatorOf(script: Script): string {
  if (script.upstream === 'anthropic') return 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
  return script.upstream === 'none' || script.upstream === 'drained' ? 'data: end\n\n' : 'data: [DONE]\n\n';
}

const bodies = new WeakMap<Script['response'], Buffer>();

function bodyOf(script: Script): Buffer {
  const body = bodies.get(script.response) ?? makeBody(script);
  bodies.set(script.response, body);
  return body;
}

function makeBody(script: Script): Buffer {
  const { response, index } = script;
  if (response.content === 'json') return patternBytes(2 * index + 1, response.bytes);
  const events = eventsOf(script);
  return response.content === 'sse' ? Buffer.concat(events) : gzipSync(Buffer.concat(events));
}

function eventsOf(script: Script): Buffer[] {
  const random = new Prng(`events/${script.index}`);
  const events: Buffer[] = [];
  const named = script.upstream === 'anthropic';
  for (let bytes = 0, n = 0; bytes < script.response.bytes; n++) {
    const text = patternBytes(script.index * 1009 + n, random.int(1, 60)).toString('base64');
    const data = `data: {"c":${script.index},"n":${n},"delta":{"text":"${text}"}}\n\n`;
    const event = Buffer.from(
      named ? `event: content_block_delta\n${data}` : random.chance(0.05) ? `: comment\n\n${data}` : data,
    );
    bytes += event.length;
    events.push(event);
  }
  if (script.response.terminated) events.push(Buffer.from(terminatorOf(script)));
  return events;
}

function plain(body: Buffer, at: number): { parts: Buffer[]; chunks: Chunk[] } {
  return { parts: [body], chunks: body.length === 0 ? [] : [{ wireAt: at, bodyAt: 0, length: body.length }] };
}

function chunked(script: Script, body: Buffer, from: number): { parts: Buffer[]; chunks: Chunk[] } {
  const random = new Prng(`chunks/${script.index}`);
  const byEvent = script.response.content === 'sse' && random.chance(0.7);
  const parts: Buffer[] = [];
  const chunks: Chunk[] = [];
  let wireAt = from;
  const add = (part: Buffer) => {
    parts.push(part);
    wireAt += part.length;
  };
  for (let at = 0; at < body.length; ) {
    const boundary = byEvent ? body.indexOf('\n\n', at) + 2 : 0;
    const length = Math.min(boundary > at ? boundary - at : random.size(1, 40_000), body.length - at);
    add(Buffer.from(`${length.toString(16)}${random.chance(0.03) ? ';x=y' : ''}\r\n`));
    chunks.push({ wireAt, bodyAt: at, length });
    add(body.subarray(at, at + length));
    add(Buffer.from('\r\n'));
    at += length;
  }
  add(Buffer.from(script.response.trailers ? `0\r\nx-chaos-trailer: ${script.index}\r\n\r\n` : '0\r\n\r\n'));
  return { parts, chunks };
}
