/**
 * The provider of the bench, in a process of its own. The model that a request names says what it gets:
 *
 *     json-SIZE                  SIZE bytes of a chat completion
 *     sse-EVENTS-INTERVAL-SIZE   so many events of SIZE bytes, INTERVAL milliseconds apart, the first one at once
 *
 * It says its port and is as cheap as it can be: it shares a core with the client, and its answers are made once.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerOf, eventsOf } from './answers.ts';

interface Stream {
  readonly res: ServerResponse;
  readonly events: readonly Buffer[];
  sent: number;
}

/** Streams of one interval, in one slot for each millisecond of it, so that their events do not come all at once. */
class Ticker {
  readonly #slots: Set<Stream>[];
  readonly #startedAt = performance.now();
  #ticks = 0;
  #next = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(intervalMs: number) {
    this.#slots = Array.from({ length: intervalMs }, () => new Set());
    this.#timer = setInterval(() => this.#tick(), 1);
  }

  add(stream: Stream): void {
    this.#slots[this.#next++ % this.#slots.length]?.add(stream);
  }

  get idle(): boolean {
    return this.#slots.every((slot) => slot.size === 0);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Timers of Node are late by themselves: what was missed is done now. But each stream gets one event at most: two at once
   * would reach the contender as one read, which costs less. On a busy machine streams last longer instead.
   */
  #tick(): void {
    const due = Math.floor(performance.now() - this.#startedAt);
    this.#ticks = Math.max(this.#ticks, due - this.#slots.length);
    for (; this.#ticks < due; this.#ticks++) {
      const slot = this.#slots[this.#ticks % this.#slots.length] as Set<Stream>;
      for (const stream of slot) if (!sendNext(stream)) slot.delete(stream);
    }
  }
}

const tickers = new Map<number, Ticker>();

function stream(res: ServerResponse, count: number, intervalMs: number, size: number): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  const one: Stream = { res, events: eventsOf(count, size), sent: 0 };
  sendNext(one);
  let ticker = tickers.get(intervalMs);
  if (ticker === undefined) {
    ticker = new Ticker(intervalMs);
    tickers.set(intervalMs, ticker);
  }
  ticker.add(one);
}

/** False when it was the last one. */
function sendNext(one: Stream): boolean {
  const { res, events } = one;
  if (res.destroyed) return false;
  const event = events[one.sent++] as Buffer;
  if (one.sent < events.length) {
    res.write(event);
    return true;
  }
  res.end(event);
  return false;
}

const server = createServer((req, res) => {
  let head = '';
  req.on('data', (chunk: Buffer) => {
    if (head.length < 4096) head += chunk.toString('latin1');
  });
  req.on('end', () => {
    const [kind, ...sizes] = (/"model":"([^"]*)"/.exec(head)?.[1] ?? 'json-1700').split('-');
    const [first = 0, interval = 1, size = 200] = sizes.map(Number);
    if (kind === 'sse') {
      stream(res, first, interval, size);
      return;
    }
    const answer = answerOf(first);
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length }).end(answer);
  });
});
// A pooled connection that ends just when it is used again would be an error of nobody that is measured.
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', 16_384, () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit(0));
setInterval(() => {
  for (const [interval, ticker] of tickers) {
    if (!ticker.idle) continue;
    ticker.stop();
    tickers.delete(interval);
  }
}, 1000).unref();
