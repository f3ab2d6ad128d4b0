/**
 * A parser of our own, stricter than the standard asks: it takes only what a careful proxy would write, so that no other
 * parser can read it differently (RFC 9112 §2.2, §3, §5, §6, §7.1; RFC 9110 §5.5, §7.6.1).
 */

/** One request in which nothing is ambiguous. */
export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  /** Lower-cased names and values. */
  readonly fields: ReadonlyMap<string, string>;
  readonly upgrade: boolean;
}

interface Unfinished extends StrictRequest {
  readonly framing: number | 'chunked';
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const requestLine = new RegExp(`^(${token}) (/[\\x21-\\x7e\\x80-\\xff]*) HTTP/1\\.1$`);
const fieldLine = new RegExp(`^(${token}): ?((?:[\\x21-\\x7e\\x80-\\xff][\\t\\x20-\\x7e\\x80-\\xff]*)?)$`);
/** Fields that must come at most once. */
const single = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'via',
  'x-fuzz-id',
  'x-request-id',
]);
/** What belongs to the client's connection, is the client's secret, or tells who the player is. */
const never =
  /^(?:keep-alive|proxy-.*|te|trailer|expect|http2-settings|authorization|x-api-key|api-key|cookie|forwarded|x-forwarded-.*|x-real-ip|baggage)$/;

/** Reads requests from bytes as they come. */
export class StrictReader {
  readonly #host: string;
  #rest = '';
  #unfinished: Unfinished | undefined;
  #tunnel: string | undefined;

  /** @param host the only Host that is right */
  constructor(host: string) {
    this.#host = host;
  }

  /** What follows an upgrade; undefined before one. */
  get tunnel(): string | undefined {
    return this.#tunnel;
  }

  /** Whether a request has begun and not ended. */
  get busy(): boolean {
    return this.#unfinished !== undefined || (this.#tunnel === undefined && this.#rest !== '');
  }

  /** The requests that are whole now. Throws at the first thing that is not as it should be. */
  push(bytes: Buffer): StrictRequest[] {
    const text = bytes.toString('latin1');
    if (this.#tunnel !== undefined) {
      this.#tunnel += text;
      return [];
    }
    this.#rest += text;
    const whole: StrictRequest[] = [];
    for (;;) {
      this.#unfinished ??= this.#head();
      const request = this.#unfinished;
      if (request === undefined) return whole;
      const body = request.framing === 'chunked' ? this.#chunks() : this.#counted(request.framing);
      if (body === undefined) return whole;
      this.#unfinished = undefined;
      whole.push({ ...request, body });
      if (!request.upgrade) continue;
      this.#tunnel = this.#rest;
      return whole;
    }
  }

  #head(): Unfinished | undefined {
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#rest.length > 65_536) throw new Error('a head without an end');
      return undefined;
    }
    const [first = '', ...lines] = this.#rest.slice(0, end).split('\r\n');
    this.#rest = this.#rest.slice(end + 4);
    const start = requestLine.exec(first);
    if (start === null) throw new Error(`the request line ${JSON.stringify(first)}`);
    const [, method = '', target = ''] = start;
    const fields = readFields(lines);
    if (fields.get('host') !== this.#host) throw new Error(`Host is ${fields.get('host')}, not ${this.#host}`);
    const upgrade = fields.has('upgrade');
    checkConnection(fields, upgrade);
    return { method, target, body: '', fields, upgrade, framing: framingOf(fields, upgrade) };
  }

  #counted(length: number): string | undefined {
    if (this.#rest.length < length) return undefined;
    const body = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return body;
  }

  #chunks(): string | undefined {
    let body = '';
    for (let at = 0; ; ) {
      const lineEnd = this.#rest.indexOf('\r\n', at);
      const line = this.#rest.slice(at, lineEnd < 0 ? at + 9 : lineEnd);
      if (!/^[0-9a-fA-F]{0,8}\r?$/.test(line) || (lineEnd >= 0 && line === '')) {
        throw new Error(`the chunk size ${JSON.stringify(line)}`);
      }
      if (lineEnd < 0) return undefined;
      const from = lineEnd + 2;
      const to = from + Number.parseInt(line, 16);
      if (this.#rest.length < to + 2) return undefined;
      if (this.#rest.slice(to, to + 2) !== '\r\n') throw new Error('a chunk longer than its size, or trailers');
      body += this.#rest.slice(from, to);
      at = to + 2;
      if (to > from) continue;
      this.#rest = this.#rest.slice(at);
      return body;
    }
  }
}

function readFields(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const found = fieldLine.exec(line);
    if (found === null) throw new Error(`the field line ${JSON.stringify(line)}`);
    const name = (found[1] ?? '').toLowerCase();
    if (never.test(name)) throw new Error(`${name} went on`);
    if (single.has(name) && fields.has(name)) throw new Error(`more than one ${name}`);
    fields.set(name, found[2] ?? '');
  }
  return fields;
}

function checkConnection(fields: ReadonlyMap<string, string>, upgrade: boolean): void {
  const connection = fields.get('connection')?.toLowerCase();
  const expected = upgrade ? ['upgrade'] : [undefined, 'keep-alive', 'close'];
  if (!expected.includes(connection)) throw new Error(`Connection is ${connection}`);
  if (upgrade && fields.get('upgrade') !== 'websocket') throw new Error(`Upgrade is ${fields.get('upgrade')}`);
}

function framingOf(fields: ReadonlyMap<string, string>, upgrade: boolean): number | 'chunked' {
  const length = fields.get('content-length');
  const coding = fields.get('transfer-encoding');
  if (length !== undefined && coding !== undefined) throw new Error('Content-Length and Transfer-Encoding');
  if (upgrade && !/^0*$/.test(length ?? coding ?? '')) throw new Error('a handshake that announces a body');
  if (coding !== undefined) {
    if (coding !== 'chunked') throw new Error(`Transfer-Encoding is ${coding}`);
    return 'chunked';
  }
  if (length === undefined) return 0;
  if (!/^\d+$/.test(length) || !Number.isSafeInteger(Number(length)))
    throw new Error(`Content-Length is ${JSON.stringify(length)}`);
  return Number(length);
}
