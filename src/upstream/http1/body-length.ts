/** Where the body of a response ends (RFC 9112 §6.3), and whether its connection can be used again (§9.3). */
import type { HeaderLines } from '../../http/headers.ts';
import { ProtocolError } from './protocol-error.ts';
import type { ResponseHead } from './response-head.ts';

/** A length in bytes, or what else tells the end. */
export type BodyLength = number | 'chunked' | 'until-close';

/** @throws ProtocolError when the head tells it in two ways, or in one that means nothing */
export function bodyLength({ minor, status, headers }: ResponseHead, method: string): BodyLength {
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') throw new ProtocolError('a Transfer-Encoding other than chunked');
    // Either is how responses are smuggled.
    if (length !== undefined) throw new ProtocolError('both Content-Length and Transfer-Encoding');
    if (minor === 0) throw new ProtocolError('Transfer-Encoding in HTTP/1.0');
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new ProtocolError('an invalid Content-Length');
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0;
  if (coding !== undefined) return 'chunked';
  return length === undefined ? 'until-close' : Number(length);
}

/** Milliseconds that an idle connection may be kept: what the server announces, at most `most`; 0: not at all. */
export function keptFor({ minor, status, headers }: ResponseHead, most: number): number {
  // It may send the body that it announced, which would be taken for the next answer.
  if (status === 204 && announcesBody(headers)) return 0;
  const connection = headers.get('connection');
  if (connection === undefined) {
    if (minor === 0) return 0;
  } else if (/(?:^|,)\s*close\s*(?:,|$)/i.test(connection) || (minor === 0 && !/keep-alive/i.test(connection))) {
    return 0;
  }
  return announced(headers, most);
}

/** What a 204 must not do (RFC 9110 §8.6, RFC 9112 §6.1). */
function announcesBody(headers: HeaderLines): boolean {
  return headers.has('transfer-encoding') || Number(headers.get('content-length') ?? 0) > 0;
}

/** Closed so long before the server would close, against requests that cross with its FIN. */
const marginMs = 2_000;

function announced(headers: HeaderLines, most: number): number {
  const seconds = /timeout=(\d{1,9})/i.exec(headers.get('keep-alive') ?? '')?.[1];
  return seconds === undefined ? most : Math.max(0, Math.min(most, Number(seconds) * 1000 - marginMs));
}
