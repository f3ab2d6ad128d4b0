/** What becomes of a client that is still sending when its answer is known. */
import type { IncomingMessage } from 'node:http';
import type { Body } from './body.ts';
import type { ClientResponse } from './client-response.ts';

/** How long a client may go on sending a body that nobody wants any more, after its answer has been written. */
const lingerMs = 2_000;

/** Reads on and forgets what a client still sends, so that it gets to read its answer; after a while it is cut off. */
export function linger(req: IncomingMessage, body: Body, response: ClientResponse): void {
  body.discard();
  const timer = setTimeout(() => {
    if (!response.finished) timer.refresh();
    else if (!req.complete) req.destroy();
  }, lingerMs);
  timer.unref();
  req.once('close', () => clearTimeout(timer));
}
