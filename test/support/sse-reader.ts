/** One event of a stream. */
export interface SseEvent {
  /** The `event:` field, or `message`. */
  readonly event: string;
  /** The `data:` lines joined with a newline; empty for a comment. */
  readonly data: string;
  /** The event's bytes with the empty line that ends it. */
  readonly raw: Buffer;
  /** When the read that completed it came, in milliseconds of `performance.now()`. */
  readonly at: number;
  /** Which read of the source completed it, from 0. */
  readonly read: number;
}

/** One read of the source. */
export interface SseRead {
  readonly bytes: Buffer;
  readonly at: number;
}

/**
 * Reads server-sent events from any source of bytes: a node:http response, a fetch body, `RawClient.bodyReads()`.
 * Iterate it once. It keeps each read, so that a test can tell whether events came one by one or all at once.
 */
export class SseReader implements AsyncIterable<SseEvent> {
  /** Every read so far. */
  readonly reads: SseRead[] = [];
  /** Bytes after the last whole event; when the source has ended, an unfinished event. */
  rest: Buffer = Buffer.alloc(0);
  readonly #events: AsyncGenerator<SseEvent, void, void>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#events = this.#read(source);
  }

  [Symbol.asyncIterator](): AsyncIterator<SseEvent> {
    return this.#events;
  }

  /** The next event; undefined when the stream has ended; rejects as the source does when it was cut. */
  async next(): Promise<SseEvent | undefined> {
    const { done, value } = await this.#events.next();
    return done === true ? undefined : value;
  }

  /** All events until the end. */
  async all(): Promise<SseEvent[]> {
    const events: SseEvent[] = [];
    for (let event = await this.next(); event !== undefined; event = await this.next()) events.push(event);
    return events;
  }

  /** All bytes read so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.reads.map((read) => read.bytes));
  }

  async *#read(source: AsyncIterable<Uint8Array>): AsyncGenerator<SseEvent, void, void> {
    for await (const part of source) {
      const read = { bytes: Buffer.from(part), at: performance.now() };
      const index = this.reads.push(read) - 1;
      this.rest = Buffer.concat([this.rest, read.bytes]);
      for (let end = eventLength(this.rest); end > 0; end = eventLength(this.rest)) {
        const raw = this.rest.subarray(0, end);
        this.rest = this.rest.subarray(end);
        yield { ...parseEvent(raw), raw, at: read.at, read: index };
      }
    }
  }
}

// Lines end in LF, CRLF or CR; a CR at the very end may be half of a CRLF and has to wait for the next read.
const blankLine = /(?:\r\n|\n|\r(?!\n|$))(?:\r\n|\n|\r(?!\n|$))/;

function eventLength(bytes: Buffer): number {
  const found = blankLine.exec(bytes.toString('latin1'));
  return found === null ? 0 : found.index + found[0].length;
}

function parseEvent(raw: Buffer): { event: string; data: string } {
  const data: string[] = [];
  let event = 'message';
  for (const line of raw.toString().split(/\r\n|\n|\r/)) {
    const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === 'data') data.push(value);
    else if (name === 'event') event = value;
  }
  return { event, data: data.join('\n') };
}
