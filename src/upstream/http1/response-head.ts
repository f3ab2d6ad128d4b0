/**
 * Reads the head of a response (RFC 9112 §4 and §5), strictly: what two readers could understand in two ways is refused,
 * since what is behind it would be, too.
 */
import { legalKey } from '../../http/header-names.ts';
import { HeaderList } from '../../http/headers.ts';
import { ProtocolError } from './protocol-error.ts';

/** The head of a response. */
export interface ResponseHead {
  /** HTTP/1.x. */
  readonly minor: number;
  readonly status: number;
  readonly reason: string;
  /** As they came; the head's own to change. */
  readonly headers: HeaderList;
}

/** A control character but the tab, or a line break that is not whole. */
const illegal = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/;
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

/**
 * Parses a head.
 * @param text all of it, as latin1, with the line break of its last line and without the empty line
 * @throws ProtocolError
 */
export function parseHead(text: string): ResponseHead {
  const end = text.indexOf('\r\n');
  const status = statusLine.exec(text.slice(0, end));
  if (status === null) throw notHttp();
  const headers = parseFields(text, end + 2);
  return { minor: Number(status[1]), status: Number(status[2]), reason: status[3] ?? '', headers };
}

/**
 * Parses field lines, each with its line break, from `from` to the end.
 * @param text may have other lines before
 * @throws ProtocolError
 */
export function parseFields(text: string, from: number): HeaderList {
  if (illegal.test(text)) throw new ProtocolError('an illegal character in the head');
  const flat: string[] = [];
  const keys: string[] = [];
  for (let start = from; start < text.length; ) {
    const end = text.indexOf('\r\n', start);
    const colon = text.indexOf(':', start);
    if (end < 0 || colon < 0 || colon > end) throw malformed();
    const name = text.slice(start, colon);
    // A line that begins with a space continues the one before (obs-fold): its name is no token either.
    const key = legalKey(name);
    if (key === undefined) throw malformed();
    let first = colon + 1;
    let last = end;
    while (first < last && isSpace(text.charCodeAt(first))) first++;
    while (last > first && isSpace(text.charCodeAt(last - 1))) last--;
    flat.push(name, text.slice(first, last));
    keys.push(key);
    start = end + 2;
  }
  return new HeaderList(flat, keys);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function notHttp(): ProtocolError {
  return new ProtocolError('not an HTTP/1.1 response');
}

function malformed(): ProtocolError {
  return new ProtocolError('a malformed header line');
}
