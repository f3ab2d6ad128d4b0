/** Answers on a bare socket what is no request for the pipeline, and closes it. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { catalogue, type ProblemCode, problem } from '../errors.ts';
import { renderReply } from './reply.ts';
import { newRequestId } from './request-id.ts';

/** Writes the problem as a whole HTTP response and closes the connection; returns its request id, undefined when nobody hears it. */
export function refuseRaw(socket: Duplex, code: ProblemCode): string | undefined {
  if (!socket.writable || socket.destroyed) {
    socket.destroy();
    return undefined;
  }
  const { status } = catalogue[code];
  const requestId = newRequestId();
  const { headers, body } = renderReply(problem(code), { requestId, dialect: 'none', policy: undefined });
  headers.set('x-sluice-request-id', requestId);
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'connection: close'];
  for (const [name, value] of headers.entries()) lines.push(`${name}: ${value}`);
  socket.on('error', () => undefined);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body.toString()}`, () => socket.destroy());
  return requestId;
}

/** Cuts a connection so that its end cannot be taken for a response's. A socket that has been ended can only be closed. */
export function resetSocket(socket: Duplex): void {
  if ('resetAndDestroy' in socket && !socket.writableEnded) (socket as Socket).resetAndDestroy();
  else socket.destroy();
}

/** What went wrong, by the code of Node's parser. */
export function codeOfParserError(error: NodeJS.ErrnoException): ProblemCode {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return 'bad_request';
}
