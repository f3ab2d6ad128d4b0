/**
 * Writes the head of a response. Node looks at each of its fields for what has been looked at before: those of an upstream
 * when they were read, those of policies when they were set. In the plain case Node is given them as one text, and adds what
 * frames the message and keeps the connection.
 */
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { writeAsOne } from '../resources/one-write.ts';
import type { HeaderList } from './headers.ts';

/** What Node has below `writeHead`, documented nowhere and the same since Node 0.10: without it the head is written with that. */
interface Headed {
  _storeHeader(head: string, fields?: undefined): void;
  readonly _header: string | null;
  _headerSent: boolean;
  _hasBody: boolean;
  _contentLength: number | null;
  readonly _expect_continue: boolean;
  _keepAliveTimeout: number;
  statusCode: number;
  sendDate: boolean;
  useChunkedEncodingByDefault: boolean;
}

const canStore = '_storeHeader' in ServerResponse.prototype;
/** Node does more about them than to write them. */
const minded = new Set(['connection', 'expect', 'keep-alive', 'trailer', 'transfer-encoding', 'upgrade']);
const digits = /^\d{1,15}$/;

/**
 * Writes a head into Node's memory; it leaves with what is written next.
 * @param phrase legal, and not empty
 * @throws where Node refuses a field
 */
export function writeHead(res: ServerResponse, status: number, phrase: string, headers: HeaderList): void {
  const plain = canStore && status >= 200 && status !== 204 && status !== 304 ? fieldsOf(res, headers) : undefined;
  if (plain === undefined) {
    res.writeHead(status, phrase, headers.flat);
    return;
  }
  const to = res as unknown as Headed;
  to.statusCode = status;
  to.sendDate = !plain.hasDate;
  if (plain.length !== undefined) to._contentLength = plain.length;
  to._storeHeader(`HTTP/1.1 ${status} ${phrase}\r\n${plain.fields}`);
}

/** Has the head say how long an idle connection is kept (Keep-Alive: timeout), where it is; Node itself is told that it never ends. */
export function announceKeepAlive(res: ServerResponse, milliseconds: number): void {
  (res as unknown as Headed)._keepAliveTimeout = milliseconds;
}

/** Sends the head and the first bytes of a body, which go on or are all of it, in one write; they are only lent. */
export function sendWithHead(res: ServerResponse, first: Buffer): void {
  const { socket } = res;
  const to = res as unknown as Headed;
  if (socket === null || typeof to._header !== 'string' || to._headerSent) {
    res.write(Buffer.from(first));
    return;
  }
  to._headerSent = true;
  if (res.chunkedEncoding) writeAsOne(socket, `${to._header}${sizeOf(first)}`, first, '\r\n');
  else writeAsOne(socket, to._header, first);
}

/** Sends bytes behind them, in a chunk of its own where the body is chunked (RFC 9112 §7.1); they are only lent. */
export function writeChunk(socket: Socket, bytes: Buffer, chunked: boolean): boolean {
  return chunked ? writeAsOne(socket, sizeOf(bytes), bytes, '\r\n') : writeAsOne(socket, '', bytes);
}

function sizeOf({ length }: Buffer): string {
  return `${length.toString(16)}\r\n`;
}

interface Plain {
  /** All but Content-Length, with line breaks. */
  readonly fields: string;
  readonly length: number | undefined;
  readonly hasDate: boolean;
}

/** Undefined: Node has to look at each. */
function fieldsOf(res: ServerResponse, { flat, keys }: HeaderList): Plain | undefined {
  const {
    _hasBody: hasBody,
    _expect_continue: expects,
    useChunkedEncodingByDefault: chunks,
  } = res as unknown as Headed;
  // HEAD has a length and no body; HTTP/1.0 no chunks; who waits for a 100 may send its body all the same.
  if (!hasBody || !chunks || expects) return undefined;
  let fields = '';
  let length: number | undefined;
  let hasDate = false;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    const value = flat[2 * i + 1] as string;
    if (key === 'content-length') {
      if (length !== undefined || !digits.test(value)) return undefined;
      length = Number(value);
      continue;
    }
    if (minded.has(key)) return undefined;
    if (key === 'date') hasDate = true;
    fields += `${flat[2 * i]}: ${value}\r\n`;
  }
  return { fields, length, hasDate };
}
