/**
 * Takes the chunked coding (RFC 9112 §7.1) off a body, however it is cut into reads. The data of one read come out as one
 * piece, moved together where they lie, so that nothing is kept and hardly anything copied.
 */
import type { HeaderList } from '../../http/headers.ts';
import { ProtocolError } from './protocol-error.ts';
import { parseFields } from './response-head.ts';

const CR = 13;
const LF = 10;
/** Of one chunk's extensions, which are read and dropped. */
const longestExtension = 4 * 1024;
/** Of all trailers. */
const longestTrailers = 16 * 1024;

/** What a read held. */
export interface Decoded {
  /** Bytes of data, now at its front. */
  readonly data: number;
  /** Bytes that belong to the body: all, unless it has ended. */
  readonly taken: number;
  /** What is wrong behind the data. */
  readonly error: unknown;
}

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'done';

/** See the module. One for each body. */
export class ChunkedDecoder {
  #state: State = 'size';
  #left = 0;
  /** Digits of the size, or bytes of the extension so far. */
  #seen = 0;
  #trailers = '';
  /** Bytes of data of the present read. */
  #data = 0;

  get done(): boolean {
    return this.#state === 'done';
  }

  /** What came behind the data; to be asked for at the end. */
  trailers(): HeaderList {
    return parseFields(this.#trailers, 0);
  }

  /** Takes bytes. The data are moved to the front of `bytes`. Not to be called again after an error. */
  decode(bytes: Buffer): Decoded {
    this.#data = 0;
    try {
      const taken = this.#decode(bytes);
      return { data: this.#data, taken, error: undefined };
    } catch (error) {
      return { data: this.#data, taken: bytes.length, error };
    }
  }

  #decode(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const count = Math.min(this.#left, bytes.length - at);
        if (this.#data !== at) bytes.copyWithin(this.#data, at, at + count);
        this.#data += count;
        at += count;
        this.#left -= count;
        if (this.#left === 0) this.#state = 'data-cr';
      } else if (this.#state === 'trailer') {
        at = this.#trailer(bytes, at);
      } else {
        this.#coding(bytes[at] as number);
        at++;
      }
    }
    return at;
  }

  #coding(byte: number): void {
    switch (this.#state) {
      case 'size':
        this.#size(byte);
        return;
      case 'extension':
        if (byte === CR) this.#state = 'size-lf';
        else if (byte === LF || byte === 0 || ++this.#seen > longestExtension) throw broken();
        return;
      case 'size-lf':
        if (byte !== LF) throw broken();
        this.#state = this.#left === 0 ? 'trailer' : 'data';
        return;
      case 'data-cr':
        if (byte !== CR) throw broken();
        this.#state = 'data-lf';
        return;
      case 'data-lf':
        if (byte !== LF) throw broken();
        this.#state = 'size';
        this.#seen = 0;
        return;
    }
  }

  #size(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      // Thirteen digits are the most that a double holds exactly.
      if (++this.#seen > 13) throw broken();
      this.#left = this.#left * 16 + digit;
      return;
    }
    if (this.#seen === 0) throw broken();
    if (byte === CR) this.#state = 'size-lf';
    else if (byte === 0x3b || byte === 0x20 || byte === 0x09) this.#state = 'extension';
    else throw broken();
    this.#seen = 0;
  }

  /** Collects lines up to the empty one. */
  #trailer(bytes: Buffer, from: number): number {
    const before = this.#trailers.length;
    const text = this.#trailers + bytes.toString('latin1', from, Math.min(bytes.length, from + longestTrailers));
    const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n');
    if (end < 0) {
      if (text.length >= longestTrailers) throw new ProtocolError('the trailers are too long');
      this.#trailers = text;
      return bytes.length;
    }
    this.#trailers = end === 0 ? '' : text.slice(0, end + 2);
    this.#state = 'done';
    return from + (end === 0 ? 2 : end + 4) - before;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function broken(): ProtocolError {
  return new ProtocolError('the chunked coding is broken');
}
