/** A naive reader of HTTP/1.1 messages for tests: enough for what our own peers send, and it changes no byte. */

/** The first line and the header lines of a message. */
export interface MessageHead {
  /** `GET / HTTP/1.1` or `HTTP/1.1 200 OK`, as it came. */
  readonly startLine: string;
  /** Name and value of each line as sent, in order. */
  readonly lines: readonly (readonly [name: string, value: string])[];
  /** Everything up to and with the empty line, as latin1. */
  readonly raw: string;
  /** The value of the first line with that name in any case. */
  get(name: string): string | undefined;
  /** The values of all lines with that name in any case. */
  getAll(name: string): string[];
}

/** Where the head ends (after its empty line), or -1 while it is incomplete. */
export function headLength(bytes: Buffer): number {
  const at = bytes.indexOf('\r\n\r\n');
  return at === -1 ? -1 : at + 4;
}

/** Reads a whole head. */
export function parseHead(bytes: Buffer): MessageHead {
  const raw = bytes.toString('latin1');
  const [startLine = '', ...fields] = raw.slice(0, -4).split('\r\n');
  const lines = fields.map((line): readonly [string, string] => {
    const colon = line.indexOf(':');
    return colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const getAll = (name: string) =>
    lines.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return { startLine, lines, raw, getAll, get: (name) => getAll(name)[0] };
}

/** How many bytes of body a head announces; `chunked`, or `until-close` where a response says neither. */
export function framingOf(head: MessageHead): number | 'chunked' | 'until-close' {
  if (/chunked\s*$/i.test(head.getAll('transfer-encoding').join(', '))) return 'chunked';
  const length = head.get('content-length');
  if (length !== undefined) return Number(length);
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head.startLine)?.[1];
  if (status === undefined) return 0;
  return status.startsWith('1') || status === '204' || status === '304' ? 0 : 'until-close';
}

/** Decodes a chunked body (RFC 9112 §7.1) as it comes. */
export class ChunkedDecoder {
  #rest: Buffer = Buffer.alloc(0);
  #done = false;
  /** Trailer lines, set once the body is complete. */
  trailers: MessageHead | undefined;

  /** True once the last chunk and its trailers have been read; what follows it is in {@link rest}. */
  get done(): boolean {
    return this.#done;
  }

  /** Bytes not decoded yet: half a chunk's frame, or what came after the end. */
  get rest(): Buffer {
    return this.#rest;
  }

  /** Takes bytes and returns the data of every chunk that is now whole. Throws on a malformed size. */
  push(bytes: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const chunks: Buffer[] = [];
    while (!this.#done) {
      const lineEnd = this.#rest.indexOf('\r\n');
      if (lineEnd === -1) break;
      const sizeLine = this.#rest.toString('latin1', 0, lineEnd);
      if (!/^[0-9a-f]+\s*(;.*)?$/i.test(sizeLine)) throw new Error(`malformed chunk size: ${JSON.stringify(sizeLine)}`);
      const size = Number.parseInt(sizeLine, 16);
      if (size === 0) {
        if (!this.#finish(lineEnd + 2)) break;
      } else {
        const end = lineEnd + 2 + size;
        if (this.#rest.length < end + 2) break;
        if (this.#rest.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a chunk is longer than its size');
        chunks.push(this.#rest.subarray(lineEnd + 2, end));
        this.#rest = this.#rest.subarray(end + 2);
      }
    }
    return chunks;
  }

  #finish(trailersAt: number): boolean {
    const empty = this.#rest.toString('latin1', trailersAt, trailersAt + 2) === '\r\n';
    const end = empty ? trailersAt + 2 : this.#rest.indexOf('\r\n\r\n', trailersAt) + 4;
    if (end < trailersAt + 2) return false;
    const trailers = this.#rest.subarray(trailersAt, end);
    this.trailers = parseHead(Buffer.concat([Buffer.from('trailers\r\n'), empty ? Buffer.from('\r\n') : trailers]));
    this.#rest = this.#rest.subarray(end);
    this.#done = true;
    return true;
  }
}
