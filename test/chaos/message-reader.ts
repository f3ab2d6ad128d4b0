/** Reads HTTP/1.1 messages as they come, on both sides of the proxy: heads, then each byte of body the moment it is there. */

/** How long a body is. */
export type Framing = number | 'chunked' | 'until-close';

/** A head as it came. */
export interface Head {
  readonly startLine: string;
  /** Lower-cased names and values, in order. */
  readonly lines: readonly (readonly [name: string, value: string])[];
}

/** What a reader finds. */
export interface MessageListener {
  /** Says how the body is framed, or `interim` when another head follows. */
  head(head: Head): Framing | 'interim';
  body(bytes: Buffer): void;
  /** The message is whole; `trailers` are those of a chunked body. */
  end(trailers: Head['lines']): void;
}

type State = 'head' | 'size' | 'data' | 'data-end' | 'trailers' | 'plain' | 'done' | 'broken';
const empty: Buffer = Buffer.alloc(0);

/** See the module. */
export class MessageReader {
  state: State = 'head';
  /** Why it cannot go on, in state `broken`. */
  problem = '';
  readonly #listener: MessageListener;
  #held: Buffer = empty;
  #left = 0;
  #untilClose = false;

  constructor(listener: MessageListener) {
    this.#listener = listener;
  }

  /** Whether the first bytes of a message have come and not its last. */
  get started(): boolean {
    return this.state !== 'head' || this.#held.length > 0;
  }

  /** Whether the end of the connection is the end of the message. */
  get untilClose(): boolean {
    return this.#untilClose;
  }

  /** Takes bytes; returns what follows the message's end, undefined while it goes on. */
  push(bytes: Buffer): Buffer | undefined {
    let rest = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = empty;
    while (rest.length > 0 && this.state !== 'done' && this.state !== 'broken') {
      const used = this.#step(rest);
      if (used === 0) {
        this.#held = rest;
        return undefined;
      }
      rest = rest.subarray(used);
    }
    return this.state === 'done' ? rest : undefined;
  }

  /** How many bytes have been used up; 0: more are needed. */
  #step(bytes: Buffer): number {
    if (this.state === 'plain' || this.state === 'data') {
      const taken = bytes.subarray(0, this.#left);
      this.#left -= taken.length;
      this.#listener.body(taken);
      if (this.#left === 0) {
        if (this.state === 'data') this.state = 'data-end';
        else this.#finish([]);
      }
      return taken.length;
    }
    if (this.state === 'data-end') {
      if (bytes.length < 2) return 0;
      if (bytes[0] !== 13 || bytes[1] !== 10) this.#break('no line end after a chunk');
      else this.state = 'size';
      return 2;
    }
    if (this.state === 'size') return this.#size(bytes);
    return this.#lines(bytes);
  }

  #size(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n');
    if (end < 0) return 0;
    const line = bytes.toString('latin1', 0, end);
    if (!/^[0-9a-f]{1,12}(;.*)?$/i.test(line)) this.#break(`chunk size ${JSON.stringify(line)}`);
    this.#left = Number.parseInt(line, 16);
    if (this.state === 'size') this.state = this.#left === 0 ? 'trailers' : 'data';
    return end + 2;
  }

  #lines(bytes: Buffer): number {
    const bare = this.state === 'trailers' && bytes[0] === 13 && bytes[1] === 10;
    const at = bare ? 0 : bytes.indexOf('\r\n\r\n');
    if (at < 0) return 0;
    const text = bytes.toString('latin1', 0, at).split('\r\n');
    if (this.state === 'trailers') this.#finish(bare ? [] : fields(text));
    else this.#begin({ startLine: text[0] ?? '', lines: fields(text.slice(1)) });
    return bare ? 2 : at + 4;
  }

  #begin(head: Head): void {
    const framing = this.#listener.head(head);
    if (framing === 'interim') return;
    if (framing === 'chunked') this.state = 'size';
    else if (framing === 0) this.#finish([]);
    else {
      this.state = 'plain';
      this.#untilClose = framing === 'until-close';
      this.#left = framing === 'until-close' ? Number.POSITIVE_INFINITY : framing;
    }
  }

  #finish(trailers: Head['lines']): void {
    this.state = 'done';
    this.#listener.end(trailers);
  }

  #break(problem: string): void {
    this.state = 'broken';
    this.problem = problem;
  }
}

/** The value of the first line of that (lower-case) name. */
export function field(head: Head | undefined, name: string): string | undefined {
  return head?.lines.find(([key]) => key === name)?.[1];
}

function fields(lines: readonly string[]): [string, string][] {
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
}
