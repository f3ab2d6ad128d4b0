/** Reads the plain bytes of one answer: cuts them into events and gives each to the reader of its form. */
import type { AnswerForm } from '../endpoint.ts';
import type { AnswerReader } from './answer-reader.ts';
import { type BodySink, JsonFraming } from './framing-json.ts';
import { LineFraming } from './framing-lines.ts';
import { ChatReader } from './read-chat.ts';
import { GeminiReader } from './read-gemini.ts';
import { MessagesReader } from './read-messages.ts';
import { OllamaReader } from './read-ollama.ts';
import { ResponsesReader } from './read-responses.ts';
import { Findings, type UsageReport } from './report.ts';
import { object, parsed } from './values.ts';

/** How an answer is cut into events: server-sent ones, lines, or one JSON body. */
export type Framing = 'sse' | 'lines' | 'json';

const readers: Readonly<Record<AnswerForm, new () => AnswerReader>> = {
  chat: ChatReader,
  responses: ResponsesReader,
  messages: MessagesReader,
  gemini: GeminiReader,
  ollama: OllamaReader,
};

const bom = [0xef, 0xbb, 0xbf] as const;
/** Of an array in one event (Gemini's errors) so many elements are taken. */
const mostElements = 4;

/** See the module. None of its methods throws. */
export class PlainReader implements BodySink {
  readonly #found = new Findings();
  readonly #reader: AnswerReader;
  readonly #framing: LineFraming | JsonFraming;
  #streamed: boolean;
  /** How many bytes of a byte order mark have been passed over; 3 when none is expected any more. */
  #bom = 0;

  constructor(form: AnswerForm, framing: Framing) {
    this.#reader = new readers[form]();
    this.#framing = framing === 'json' ? new JsonFraming(this) : new LineFraming(this, framing);
    this.#streamed = framing !== 'json';
  }

  push(chunk: Buffer): void {
    if (this.#found.stopped !== undefined) return;
    try {
      const from = this.#bom < bom.length ? this.#afterBom(chunk) : 0;
      if (from < chunk.length) this.#framing.push(chunk, from);
    } catch {
      this.stop('fault');
    }
  }

  /** Reads no further. */
  stop(why: NonNullable<UsageReport['stopped']>): void {
    this.#found.stopped ??= why;
  }

  get stopped(): boolean {
    return this.#found.stopped !== undefined;
  }

  get terminated(): boolean {
    return this.#found.terminated;
  }

  end(whole: boolean): UsageReport {
    if (!this.stopped) {
      try {
        this.#framing.end();
      } catch {
        this.stop('fault');
      }
    }
    this.#found.streamed = this.#streamed;
    return this.#found.report(whole && !this.stopped);
  }

  elements(): void {
    this.#streamed = true;
  }

  small(bytes: Buffer, start: number, end: number, name: string): void {
    if (this.#streamed) {
      const text = bytes.toString('latin1', start, end);
      if (!this.#reader.look(text, name, this.#found)) return;
    }
    this.large(parsed(bytes.toString('utf8', start, end)));
  }

  large(value: unknown): void {
    const values: readonly unknown[] = Array.isArray(value) ? value.slice(0, mostElements) : [value];
    for (const item of values) {
      const members = object(item);
      if (members === undefined) continue;
      this.#reader.take(members, this.#found);
      if (!this.#streamed) this.#found.terminated = true;
    }
  }

  #afterBom(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#bom < bom.length) {
      if (chunk[at] !== bom[this.#bom]) this.#bom = bom.length;
      else {
        at++;
        this.#bom++;
      }
    }
    return at;
  }
}
