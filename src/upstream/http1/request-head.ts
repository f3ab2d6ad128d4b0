/** Writes the head of a request (RFC 9112 §3), or refuses to: what would be read in another way than it is meant is not sent. */
import type { Readable } from 'node:stream';
import type { HeaderLines } from '../../http/headers.ts';
import { ProtocolError } from './protocol-error.ts';

/** A request to one upstream. */
export interface RequestMessage {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Without hop-by-hop fields. A Content-Length is that of the body. */
  readonly headers: HeaderLines;
  readonly body: Buffer | Readable | null;
}

const illegalPath = /[^\x21-\xff]/;
/** Fields that frame the message or steer the connection: what they say is said here alone. */
const ours = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The head up to its empty line.
 * @param common fields of every request to this upstream but Host, each with its line break
 * @throws ProtocolError
 */
export function requestHead({ method, path, headers, body }: RequestMessage, host: string, common: string): string {
  if (path === '' || illegalPath.test(path)) throw new ProtocolError('an illegal character in the path');
  const { flat, keys } = headers;
  let fields = common;
  let hasHost = false;
  let length: string | undefined;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    if (ours.has(key)) throw new ProtocolError(`a request must not carry ${key}`);
    if (key === 'content-length') {
      if (length !== undefined) throw new ProtocolError('several Content-Lengths');
      length = flat[2 * i + 1];
      continue;
    }
    if (key === 'host') hasHost = true;
    fields += `${flat[2 * i]}: ${flat[2 * i + 1]}\r\n`;
  }
  const line = `${method} ${path} HTTP/1.1\r\n`;
  return `${line}${hasHost ? '' : host}${fields}${framing(body, length)}\r\n`;
}

function framing(body: RequestMessage['body'], length: string | undefined): string {
  if (body === null) {
    if (length !== undefined && Number(length) !== 0) throw new ProtocolError('a Content-Length without a body');
    return length === undefined ? '' : 'content-length: 0\r\n';
  }
  if (Buffer.isBuffer(body)) {
    if (length !== undefined && Number(length) !== body.length) throw wrongLength();
    return `content-length: ${body.length}\r\n`;
  }
  // Written anew: another reader could take `010` for another number.
  return length === undefined ? 'transfer-encoding: chunked\r\n' : `content-length: ${Number(length)}\r\n`;
}

/** The body is not as long as its head says. */
export function wrongLength(): ProtocolError {
  return new ProtocolError('the body is not as long as its Content-Length');
}
