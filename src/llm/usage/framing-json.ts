/**
 * Reads a JSON body: one document, or an array whose elements are told one by one (Gemini streams such an array where
 * `alt=sse` was not asked for, and sends its errors in one).
 */
import { usageBounds } from './bounds.ts';
import { Payload, type PayloadSink } from './payload.ts';
import { stringEnd } from './string-end.ts';

const quote = 0x22;
const openArray = 0x5b;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** What takes the parts of a body. */
export interface BodySink extends PayloadSink {
  /** The body is an array: what follows are its elements. */
  elements(): void;
}

/** See the module. */
export class JsonFraming {
  readonly #sink: BodySink;
  readonly #payload = new Payload();
  #form: 'unknown' | 'one' | 'array' = 'unknown';
  /** Open objects and arrays within the element that is being read. */
  #depth = 0;
  #inString = false;
  readonly #memory = { escaped: false };

  constructor(sink: BodySink) {
    this.#sink = sink;
  }

  push(chunk: Buffer, from: number): void {
    let at = from;
    while (this.#form === 'unknown' && at < chunk.length) {
      const byte = chunk[at] as number;
      if (byte > 0x20) this.#form = byte === openArray ? 'array' : 'one';
      if (byte <= 0x20 || byte === openArray) at++;
      if (this.#form === 'array') this.#sink.elements();
    }
    if (this.#form === 'one') this.#payload.append(chunk, at, chunk.length);
    else if (this.#form === 'array') this.#elements(chunk, at);
  }

  /** Hands over the one document. An element that has begun is incomplete. */
  end(): void {
    if (this.#form === 'one') this.#payload.flush(this.#sink, '');
    this.#payload.end();
  }

  #elements(chunk: Buffer, from: number): void {
    const size = chunk.length;
    let start = from;
    let at = from;
    while (at < size) {
      if (this.#inString) {
        at = stringEnd(chunk, at, size, this.#memory);
        if (at === size) break;
        this.#inString = false;
      } else {
        const byte = chunk[at] as number;
        if (byte === quote) {
          this.#inString = true;
        } else if (byte === openObject || byte === openArray) {
          if (this.#depth++ === 0) start = at;
        } else if ((byte === closeObject || byte === closeArray) && this.#depth > 0 && --this.#depth === 0) {
          this.#element(chunk, start, at + 1);
        }
      }
      at++;
    }
    if (this.#depth > 0) this.#payload.append(chunk, start, size);
  }

  #element(chunk: Buffer, start: number, end: number): void {
    if (this.#payload.empty && end - start <= usageBounds.heldBytes) {
      this.#sink.small(chunk, start, end, '');
    } else {
      this.#payload.append(chunk, start, end);
      this.#payload.flush(this.#sink, '');
    }
  }
}
