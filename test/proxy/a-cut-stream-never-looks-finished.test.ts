import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';
import {
  act,
  type Cut,
  chunk,
  cuts,
  type Fault,
  faults,
  type MatrixDialect,
  type StreamOfDialect,
  streamHead,
  streams,
} from './truncations.ts';

const stallMs = 100;
const dialects = Object.keys(streams) as MatrixDialect[];

async function start(t: TestContext, dialect: MatrixDialect, sent: string, fault: Fault = 'FIN') {
  const upstream = await startRawUpstream((exchange) => void (sent === '' || exchange.write(sent)), { t });
  // Elsewhere a timer could be faster than the fault on a busy machine.
  const timeouts = fault === 'stall' ? { first_byte: `${stallMs}ms`, idle: `${stallMs}ms` } : {};
  const proxy = await startProxy({ upstream: upstream.url, dialect, upstreamOptions: { timeouts } }, { t });
  return { upstream, proxy };
}

/** What the client of one cell saw, and how long after the upstream's act. */
interface Seen {
  readonly what: string;
  readonly afterMs: number;
}

async function cell(t: TestContext, dialect: MatrixDialect, cut: Cut, fault: Fault): Promise<Seen> {
  const stream: StreamOfDialect = streams[dialect];
  const { upstream, proxy } = await start(t, dialect, cut.sent(stream), fault);
  const client = await connectRaw(proxy.url, { t });
  await client.send(`POST /${dialect}${stream.path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`);
  const exchange = await upstream.nextExchange();
  // A reset would overtake what has not been read yet.
  await client.arrival(cut.seen(stream));
  const acted = act(exchange, fault, stallMs);
  const { what, at } = await ending(client);

  const { outcome } = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(outcome, cut.name === 'before the head' ? 'failed' : 'upstream_abort');
  const counted = [...(await proxy.metrics()).matchAll(/^sluice_stream_truncated_total\{.*\} (\d+)$/gm)];
  const truncated = counted.reduce((sum, [, n]) => sum + Number(n), 0);
  assert.equal(truncated, cut.name === 'before the head' ? 0 : 1, 'counted once');
  return { what, afterMs: at - acted };
}

/** Reads until the response is complete or the connection is closed. */
async function ending(client: RawClient): Promise<{ what: string; at: number }> {
  for (;;) {
    const text = client.received.toString();
    const code = /"code":"(\w+)"/.exec(text)?.[1];
    const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
    if (status !== undefined && status !== '200' && code !== undefined) {
      return { what: `${status} ${code}`, at: performance.now() };
    }
    if (text.endsWith('\r\n0\r\n\r\n')) return { what: lastWords(text), at: performance.now() };
    if ((await client.chunk()) === undefined) {
      const { at } = await client.closed;
      return { what: 'destroyed', at };
    }
  }
}

/** What a complete chunked response says at its end: only an error event, with no terminator before it, is honest. */
function lastWords(text: string): string {
  const error = /\r\n\w+\r\n(?:event: error\n)?data: (\{[^\n]*"error":\{[^\n]*\})\n\n\r\n0\r\n\r\n$/.exec(text)?.[1];
  if (error === undefined || text.includes('[DONE]') || text.includes('message_stop')) return 'LOOKS FINISHED';
  const { code, type } = (JSON.parse(error) as { error: { code?: string; type: string } }).error;
  return `error event ${code ?? type}`;
}

function expected(dialect: MatrixDialect, cut: Cut, fault: Fault): string {
  if (cut.name === 'before the head')
    return fault === 'stall' ? '504 upstream_first_byte_timeout' : '502 upstream_reset';
  if (dialect === 'none' || cut.boundary === undefined) return 'destroyed';
  if (dialect === 'anthropic') return 'error event api_error';
  return `error event ${fault === 'stall' ? 'upstream_idle_timeout' : 'upstream_reset'}`;
}

test('FIN, RST and stall at every point of a stream: what the client sees, and how soon', {
  timeout: 60_000,
}, async (t) => {
  const latencies: number[] = [];
  const wrong: string[] = [];
  t.diagnostic(`${''.padEnd(66)} ${faults.map((fault) => fault.padEnd(34)).join(' ')}`);
  for (const dialect of dialects) {
    for (const cut of cuts) {
      const row: string[] = [];
      for (const fault of faults) {
        const { what, afterMs } = await cell(t, dialect, cut, fault);
        latencies.push(afterMs);
        row.push(`${what}, ${afterMs.toFixed(0)} ms`.padEnd(34));
        const right = expected(dialect, cut, fault);
        if (what !== right) wrong.push(`${dialect}, ${cut.name}, ${fault}: ${what} where ${right} is right`);
      }
      t.diagnostic(`${dialect.padEnd(10)}${cut.name.padEnd(56)} ${row.join(' ')}`);
    }
  }
  latencies.sort((a, b) => a - b);
  const median = latencies[latencies.length >> 1] ?? Number.NaN;
  t.diagnostic(
    `from the upstream's act to the client: median ${median.toFixed(1)} ms, most ${latencies.at(-1)?.toFixed(1)} ms`,
  );
  assert.deepEqual(wrong, []);
  assert.ok(median <= 50, `${median} ms`);
});

/** Reads a stream with an official client, acting once it has `events` of them. */
async function readOfficially(
  dialect: 'openai' | 'anthropic',
  url: string,
  events: number,
  acting: () => void,
): Promise<void> {
  const ask = {
    model: 'm',
    max_tokens: 9,
    messages: [{ role: 'user' as const, content: 'Hi' }],
    stream: true as const,
  };
  const options = { apiKey: 'x', maxRetries: 0 };
  const stream: AsyncIterable<unknown> =
    dialect === 'openai'
      ? await new OpenAI({ ...options, baseURL: `${url}/openai/v1` }).chat.completions.create(ask)
      : await new Anthropic({ ...options, baseURL: `${url}/anthropic` }).messages.create(ask);
  let seen = 0;
  if (events === 0) acting();
  for await (const _ of stream) if (++seen === events) acting();
}

for (const dialect of ['openai', 'anthropic'] as const) {
  test(`the official ${dialect} client raises its own error for each error event of the matrix`, async (t) => {
    for (const { name, sent, boundary } of cuts) {
      if (boundary === undefined) continue;
      for (const fault of faults) {
        const { upstream, proxy } = await start(t, dialect, sent(streams[dialect]), fault);
        const acting = () => void upstream.nextExchange().then((exchange) => act(exchange, fault, stallMs));
        const raised = dialect === 'openai' ? OpenAI.APIError : Anthropic.APIError;
        await assert.rejects(
          readOfficially(dialect, proxy.url, boundary(streams[dialect]), acting),
          (error: unknown) => error instanceof raised && /upstream/i.test(error.message),
          `${name}, ${fault}`,
        );
      }
    }
  });
}

test('a stream that is encoded or counted is destroyed between two events too', async (t) => {
  const event = streams.openai.events[0] ?? '';
  const type = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream';
  const encoded = `${type}\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n${chunk(event)}`;
  const counted = `${type}\r\ncontent-length: 1000\r\n\r\n${event}`;
  for (const sent of [encoded, counted]) {
    const { upstream, proxy } = await start(t, 'openai', sent);
    const client = await connectRaw(proxy.url, { t });
    await client.send(`GET /openai${streams.openai.path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await client.arrival(event);
    (await upstream.nextExchange()).end();
    await client.closed;
    assert.ok(!/error|\r\n0\r\n/.test(client.received.toString().split('\r\n\r\n')[1] ?? ''));
  }
});

for (const dialect of ['openai', 'anthropic'] as const) {
  test(`a stream that ends without its terminator passes as it is and is counted (${dialect})`, async (t) => {
    const { events, path, terminator } = streams[dialect];
    for (const [sent, truncated] of [
      [events, 1],
      [[...events, terminator], 0],
    ] as const) {
      const { proxy } = await start(t, dialect, streamHead + [...sent, ''].map(chunk).join(''));
      const client = await connectRaw(proxy.url, { t });
      await client.send(`POST /${dialect}${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`);
      const response = await client.response();
      assert.equal(response.complete, true);
      assert.equal(response.body.toString(), sent.join(''));
      await proxy.logged(({ msg }) => msg === 'exchange');
      const counted = /^sluice_stream_truncated_total\{.*\} 1$/m.test(await proxy.metrics());
      assert.equal(counted, truncated === 1);
    }
  });
}
