/**
 * Reads the head of a response (RFC 9112 §4 and §5), strictly: what two readers could understand in two ways is refused,
 * since what is behind it would be, too.
 */
import { HeaderLines } from '../../http/headers.ts';
import { ProtocolError } from './protocol-error.ts';

/** The head of a response. */
export interface ResponseHead {
  /** HTTP/1.x. */
  readonly minor: number;
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderLines;
}

/** No control character but the tab; the line breaks are gone already. */
const illegal = /[^\t\x20-\x7e\x80-\xff]/;
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/;

const beginning = 'HTTP/1.1 200';
/** Of a head that is not whole yet so many characters are looked at. */
export const longestStatusLine = 512;

/**
 * Looks at the beginning of a head that is not whole yet.
 * @throws ProtocolError when no response begins like that
 */
export function checkBeginning(text: string): void {
  const end = text.indexOf('\r\n');
  const line = end < 0 ? text.replace(/\r$/, '') : text.slice(0, end);
  const status = line.length < beginning.length ? line + beginning.slice(line.length) : line;
  if (!statusLine.test(status) || (end >= 0 && line.length < beginning.length)) throw notHttp();
}

/** Characters of a token (RFC 9110 §5.6.2), by their codes. */
const tokens = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  tokens[character.charCodeAt(0)] = 1;
}

/**
 * Parses a head.
 * @param text all of it, as latin1, with the line break of its last line and without the empty line
 * @throws ProtocolError
 */
export function parseHead(text: string): ResponseHead {
  let end = text.indexOf('\r\n');
  const status = statusLine.exec(text.slice(0, end));
  if (status === null) throw notHttp();
  const headers = parseFields(text, end + 2);
  const reason = status[3] ?? '';
  if (illegal.test(reason)) throw new ProtocolError('an illegal character in the status line');
  end = Number(status[2]);
  return { minor: Number(status[1]), status: end, reason, headers };
}

/**
 * Parses field lines, each with its line break, from `from` to the end.
 * @throws ProtocolError
 */
export function parseFields(text: string, from: number): HeaderLines {
  const flat: string[] = [];
  const keys: string[] = [];
  for (let start = from; start < text.length; ) {
    const end = text.indexOf('\r\n', start);
    const colon = text.indexOf(':', start);
    if (end < 0 || colon < 0 || colon > end || !isToken(text, start, colon)) {
      throw new ProtocolError('a malformed header line');
    }
    const name = text.slice(start, colon);
    const value = text.slice(...withoutSpace(text, colon + 1, end));
    if (illegal.test(value)) throw new ProtocolError('an illegal character in a header');
    flat.push(name, value);
    keys.push(name.toLowerCase());
    start = end + 2;
  }
  return new HeaderLines(flat, keys);
}

/** A line that begins with a space continues the one before (obs-fold): its name is no token either. */
function isToken(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (tokens[text.charCodeAt(i)] !== 1) return false;
  return to > from;
}

function withoutSpace(text: string, from: number, to: number): [number, number] {
  let first = from;
  let last = to;
  while (first < last && isSpace(text.charCodeAt(first))) first++;
  while (last > first && isSpace(text.charCodeAt(last - 1))) last--;
  return [first, last];
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function notHttp(): ProtocolError {
  return new ProtocolError('not an HTTP/1.1 response');
}
