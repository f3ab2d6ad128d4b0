/**
 * What becomes of a client that is still sending when its answer is known. It is read on and what comes is forgotten, for
 * a reset could reach it before it has read its answer. Each read is a new buffer that V8 collects some 30 MB later: where
 * memory is scarce it is held back by its own kernel instead, which costs neither memory nor time.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Body, declaredLength } from './body.ts';
import type { ClientResponse } from './client-response.ts';

/** How long a client may go on sending a body that nobody wants any more, after its answer has been written. */
const lingerMs = 2_000;
/** How long one that is held back has for reading its answer: the kernel keeps up to some 100 KB for it meanwhile. */
const scarceLingerMs = 500;
/** A body of about one read is read all the same, in bytes: its connection can go on serving. */
const oneRead = 64 * 1024;

/** Tells when memory is scarce. */
interface Memory {
  readonly pressure: { readonly high: boolean };
  readonly held: { readonly full: boolean };
}

/** Lets a client that is still sending read its answer; after a while it is cut off. */
export function linger(
  req: IncomingMessage,
  body: Pick<Body, 'declaredLength' | 'discard'>,
  response: ClientResponse,
  memory: Memory,
): void {
  const { socket } = req;
  const large = !req.complete && (body.declaredLength ?? Number.POSITIVE_INFINITY) > oneRead;
  let waitMs = lingerMs;
  const wait = () => {
    if (!response.finished) timer.refresh();
    else if (!req.complete) req.destroy();
  };
  let timer = setTimeout(wait, waitMs).unref();
  const holdBack = () => {
    if (waitMs === scarceLingerMs || !isScarce(memory)) return;
    waitMs = scarceLingerMs;
    clearTimeout(timer);
    timer = setTimeout(wait, waitMs).unref();
    response.endConnection();
    stopReading(socket);
  };
  body.discard();
  if (large) {
    holdBack();
    req.on('data', holdBack);
  }
  req.once('close', () => clearTimeout(timer));
}

/** The same for a request that is no exchange: nobody has looked at its body. */
export function lingerRefused(req: IncomingMessage, response: ClientResponse, memory: Memory): void {
  linger(req, { declaredLength: declaredLength(req), discard: () => void req.resume() }, response, memory);
}

function isScarce({ pressure, held }: Memory): boolean {
  return pressure.high || held.full;
}

/** For good. Who takes what has been read of a request resumes its socket, a tick later. */
function stopReading(socket: Socket): void {
  socket.on('resume', pause);
  socket.pause();
}

function pause(this: Socket): void {
  this.pause();
}
