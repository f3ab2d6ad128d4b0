/**
 * Reduces JSON of any size, as it passes, to the few members that tell usage, ids, reasons and errors. What it keeps is
 * bounded, whatever comes; what it skips costs a search for the next quote.
 */
import { usageBounds } from './bounds.ts';
import { type EscapeMemory, stringEnd } from './string-end.ts';
import { parsed } from './values.ts';

/** Members that are kept, at any depth below kept members. */
const kept: ReadonlySet<string> = new Set([
  ...['type', 'object', 'id', 'model', 'status', 'response', 'message', 'choices', 'index', 'finish_reason', 'code'],
  ...['delta', 'stop_reason', 'incomplete_details', 'reason', 'error', 'usage', 'done', 'done_reason'],
  ...['prompt_eval_count', 'eval_count', 'candidates', 'finishReason', 'modelVersion', 'responseId', 'usageMetadata'],
  ...['promptFeedback', 'blockReason'],
]);

/** Of these everything is kept. */
const keptWhole: ReadonlySet<string> = new Set(['usage', 'usageMetadata', 'error']);

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openArray = 0x5b;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const longestKey = 128;

interface Container {
  readonly array: boolean;
  readonly whole: boolean;
  /** Something has been written into it. */
  filled: boolean;
}

/** What comes next: a value, a member, the colon after a key, what follows a value; or what is being read. */
type State = 'value' | 'member' | 'colon' | 'after' | 'key' | 'string' | 'scalar' | 'skip' | 'done' | 'dead';

/** See the module. One for each document. */
export class JsonSkeleton {
  readonly #out = Buffer.allocUnsafe(usageBounds.skeletonBytes);
  #length = 0;
  #state: State = 'value';
  readonly #stack: Container[] = [];
  /** Where the string that is being kept begins. */
  #stringAt = 0;
  /** The value to come is kept as it is. */
  #whole = false;
  readonly #memory: EscapeMemory = { escaped: false };
  #skipDepth = 0;
  #skipString = false;

  push(bytes: Buffer, start: number, end: number): void {
    let i = start;
    while (i < end) {
      switch (this.#state) {
        case 'done':
        case 'dead':
          return;
        case 'skip':
          i = this.#skip(bytes, i, end);
          break;
        case 'key':
        case 'string':
          i = this.#string(bytes, i, end);
          break;
        case 'scalar':
          i = this.#scalar(bytes, i, end);
          break;
        default:
          this.#token(bytes[i++] as number, this.#state);
      }
    }
  }

  /** What is left of the document; undefined when it was not whole, no JSON, or had too much of what is kept. */
  take(): unknown {
    return this.#state === 'done' ? parsed(this.#out.toString('utf8', 0, this.#length)) : undefined;
  }

  #token(byte: number, state: 'value' | 'member' | 'colon' | 'after'): void {
    if (byte <= 0x20) return;
    if (state === 'value') this.#value(byte);
    else if (state === 'after') this.#after(byte);
    else if (state === 'colon') this.#colon(byte);
    else if (byte === quote) this.#beginString('key');
    else if (byte === closeObject) this.#close(byte);
    else this.#state = 'dead';
  }

  #value(byte: number): void {
    const top = this.#stack.at(-1);
    if (byte === closeArray && top?.array === true && !top.filled) {
      this.#close(byte);
      return;
    }
    if (top?.array === true) this.#separate(top);
    if (byte === quote) {
      this.#beginString('string');
    } else if (byte === openObject || byte === openArray) {
      this.#put(byte);
      const whole = this.#whole || top?.whole === true;
      if (this.#stack.length >= usageBounds.skeletonDepth) this.#state = 'dead';
      this.#stack.push({ array: byte === openArray, whole, filled: false });
      this.#whole = false;
      if (this.#state !== 'dead') this.#state = byte === openArray ? 'value' : 'member';
    } else {
      this.#put(byte);
      if (this.#state !== 'dead') this.#state = 'scalar';
    }
  }

  #after(byte: number): void {
    const top = this.#stack.at(-1);
    if (byte === comma && top !== undefined) this.#state = top.array ? 'value' : 'member';
    else if (byte === closeArray || byte === closeObject) this.#close(byte);
    else this.#state = 'dead';
  }

  #colon(byte: number): void {
    const top = this.#stack.at(-1);
    if (byte !== colon || top === undefined) {
      this.#state = 'dead';
      return;
    }
    const key = this.#key();
    this.#whole = key !== undefined && keptWhole.has(key);
    if (key !== undefined && (top.whole || kept.has(key))) {
      this.#put(colon);
      top.filled = true;
      if (this.#state !== 'dead') this.#state = 'value';
      return;
    }
    // The key is taken back, with the comma before it.
    this.#length = top.filled ? this.#stringAt - 1 : this.#stringAt;
    this.#state = 'skip';
    this.#skipDepth = 0;
    this.#skipString = false;
  }

  /** The key that was read last; undefined when it is longer than any that is known. */
  #key(): string | undefined {
    const length = this.#length - this.#stringAt;
    if (length > longestKey) return undefined;
    const key = parsed(this.#out.toString('utf8', this.#stringAt, this.#length));
    return typeof key === 'string' ? key : undefined;
  }

  #close(byte: number): void {
    const top = this.#stack.pop();
    if (top === undefined || top.array !== (byte === closeArray)) {
      this.#state = 'dead';
      return;
    }
    this.#put(byte);
    this.#valueEnded();
  }

  #valueEnded(): void {
    if (this.#state !== 'dead') this.#state = this.#stack.length === 0 ? 'done' : 'after';
  }

  #beginString(state: 'key' | 'string'): void {
    const top = this.#stack.at(-1);
    if (state === 'key' && top?.filled === true) this.#put(comma);
    this.#stringAt = this.#length;
    this.#put(quote);
    if (this.#state !== 'dead') this.#state = state;
  }

  #separate(array: Container): void {
    if (array.filled) this.#put(comma);
    array.filled = true;
  }

  /** Reads on in a string that is kept, or in a key. A long one is cut short now and emptied at its end. */
  #string(bytes: Buffer, from: number, end: number): number {
    const stop = stringEnd(bytes, from, end, this.#memory);
    const room = usageBounds.skeletonString + 1 - (this.#length - this.#stringAt);
    const size = Math.min(stop - from, Math.max(0, room));
    if (this.#length + size > this.#out.length) {
      this.#state = 'dead';
      return end;
    }
    bytes.copy(this.#out, this.#length, from, from + size);
    this.#length += size;
    if (stop === end) return end;
    if (this.#length - this.#stringAt > usageBounds.skeletonString) this.#length = this.#stringAt + 1;
    this.#put(quote);
    if (this.#state === 'key') this.#state = 'colon';
    else this.#valueEnded();
    return stop + 1;
  }

  #scalar(bytes: Buffer, from: number, end: number): number {
    for (let i = from; i < end && this.#state === 'scalar'; i++) {
      const byte = bytes[i] as number;
      if (byte === comma || byte === closeArray || byte === closeObject || byte <= 0x20) {
        this.#valueEnded();
        return i;
      }
      this.#put(byte);
    }
    return end;
  }

  #skip(bytes: Buffer, from: number, end: number): number {
    let i = from;
    while (i < end) {
      if (this.#skipString) {
        i = stringEnd(bytes, i, end, this.#memory);
        if (i === end) return end;
        i++;
        this.#skipString = false;
        continue;
      }
      const byte = bytes[i] as number;
      const closes = byte === closeObject || byte === closeArray;
      // A string or a scalar ends where its container goes on.
      if (this.#skipDepth === 0 && (closes || byte === comma)) return this.#skipped(i);
      i++;
      if (byte === quote) {
        this.#skipString = true;
      } else if (byte === openObject || byte === openArray) {
        this.#skipDepth++;
      } else if (closes && --this.#skipDepth === 0) {
        return this.#skipped(i);
      }
    }
    return end;
  }

  #skipped(next: number): number {
    this.#state = 'after';
    return next;
  }

  #put(byte: number): void {
    if (this.#length < this.#out.length) this.#out[this.#length++] = byte;
    else this.#state = 'dead';
  }
}
