/**
 * Cuts streams into events: server-sent ones (WHATWG HTML §9.2: lines end in LF, CR LF or CR; an empty line ends an
 * event; several `data` lines are one, and the newline between them is white space to JSON, so it is left out) and lines of
 * JSON. An event that lies whole in one read is not copied.
 */
import { usageBounds } from './bounds.ts';
import { Payload, type PayloadSink } from './payload.ts';

const lf = 0x0a;
const cr = 0x0d;
const colon = 0x3a;
const space = 0x20;
const longestName = 64;

/** Field names as numbers of their bytes. */
const dataField = numberOf('data');
const eventField = numberOf('event');
const longestField = 5;

/** Where a line is being read: its field's name, the begin of its value, its value; or it is of no interest. */
type Place = 'field' | 'data_begin' | 'data' | 'name_begin' | 'name' | 'ignored';

const nothing = Buffer.alloc(0);

/** See the module. */
export class LineFraming {
  readonly #sink: PayloadSink;
  readonly #sse: boolean;
  readonly #payload = new Payload();
  #place: Place;
  #field = 0;
  #fieldLength = 0;
  #name = '';
  /** Data that lies in the chunk at hand and has not been copied. */
  #start = 0;
  #end = 0;
  /** The last chunk ended with CR: an LF at the begin of the next one belongs to it. */
  #afterCr = false;

  constructor(sink: PayloadSink, form: 'sse' | 'lines') {
    this.#sink = sink;
    this.#sse = form === 'sse';
    this.#place = this.#sse ? 'field' : 'data';
  }

  push(chunk: Buffer, from: number): void {
    const size = chunk.length;
    let at = from;
    if (this.#afterCr && at < size) {
      if (chunk[at] === lf) at++;
      this.#afterCr = false;
    }
    let nextLf = -1;
    let nextCr = -1;
    while (at < size) {
      // The line that ends an event is empty, and a look at one byte is no call.
      if (nextLf < at) nextLf = chunk[at] === lf ? at : indexOf(chunk, lf, at);
      if (nextCr < at) nextCr = indexOf(chunk, cr, at);
      const stop = Math.min(nextLf, nextCr);
      if (stop > at) this.#piece(chunk, at, stop);
      if (stop === size) break;
      this.#lineEnded(chunk);
      at = stop + 1;
      if (stop !== nextCr) continue;
      if (at === size) this.#afterCr = true;
      else if (chunk[at] === lf) at++;
    }
    this.#keep(chunk);
  }

  /** Hands over what is left: an event whose empty line is missing says what it says all the same. */
  end(): void {
    this.#dispatch(nothing);
    this.#payload.end();
  }

  #piece(chunk: Buffer, from: number, stop: number): void {
    let at = from;
    if (this.#place === 'field') at = this.#readField(chunk, at, stop);
    if (at === stop) return;
    if (this.#place === 'data_begin' || this.#place === 'name_begin') {
      this.#place = this.#place === 'data_begin' ? 'data' : 'name';
      if (chunk[at] === space && ++at === stop) return;
    }
    if (this.#place === 'data') this.#data(chunk, at, stop);
    else if (this.#place === 'name') this.#eventName(chunk, at, stop);
  }

  #readField(chunk: Buffer, from: number, stop: number): number {
    let at = from;
    while (at < stop) {
      const byte = chunk[at++] as number;
      if (byte === colon) {
        this.#fieldEnded();
        return at;
      }
      if (++this.#fieldLength > longestField) {
        this.#place = 'ignored';
        return stop;
      }
      this.#field = this.#field * 256 + byte;
    }
    return at;
  }

  #fieldEnded(): void {
    if (this.#field === eventField) {
      this.#place = 'name_begin';
      this.#name = '';
    } else if (this.#field === dataField) {
      this.#place = 'data_begin';
    } else {
      this.#place = 'ignored';
    }
  }

  #data(chunk: Buffer, from: number, stop: number): void {
    if (this.#payload.empty && this.#start === this.#end && stop - from <= usageBounds.heldBytes) {
      this.#start = from;
      this.#end = stop;
    } else {
      this.#keep(chunk);
      this.#payload.append(chunk, from, stop);
    }
  }

  #eventName(chunk: Buffer, from: number, stop: number): void {
    const room = longestName - this.#name.length;
    this.#name += chunk.toString('latin1', from, Math.min(stop, from + room));
  }

  #lineEnded(chunk: Buffer): void {
    if (!this.#sse || (this.#place === 'field' && this.#fieldLength === 0)) this.#dispatch(chunk);
    this.#place = this.#sse ? 'field' : 'data';
    this.#field = 0;
    this.#fieldLength = 0;
  }

  #dispatch(chunk: Buffer): void {
    const start = this.#start;
    const end = this.#end;
    const name = this.#name;
    this.#start = 0;
    this.#end = 0;
    this.#name = '';
    if (start < end) this.#sink.small(chunk, start, end, name);
    else if (!this.#payload.empty) this.#payload.flush(this.#sink, name);
  }

  /** Copies what lies in the chunk, before it is let go. */
  #keep(chunk: Buffer): void {
    if (this.#start < this.#end) this.#payload.append(chunk, this.#start, this.#end);
    this.#start = 0;
    this.#end = 0;
  }
}

function indexOf(chunk: Buffer, byte: number, from: number): number {
  const found = chunk.indexOf(byte, from);
  return found === -1 ? chunk.length : found;
}

function numberOf(name: string): number {
  return [...name].reduce((sum, letter) => sum * 256 + letter.charCodeAt(0), 0);
}
