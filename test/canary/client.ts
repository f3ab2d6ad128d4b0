/** A client that sends bytes and keeps all that comes back, sorted by who made it: an upstream or Sluice. */
import { connect } from 'node:net';
import { headLength, parseHead } from '../support/http-message.ts';
import type { Captures } from './captures.ts';

/** What to do besides sending. */
export interface SendOptions {
  /** Looked for in what has come so far: then it leaves, with a reset. */
  readonly leaveAt?: string;
  /** Sent once the handshake has been answered with 101. */
  readonly frame?: Buffer;
  /** Sluice may have ended the answer with an event of its own. */
  readonly mayEndInError?: boolean;
}

/** Where answers of Sluice itself go. */
export const REPLIES = 'replies of Sluice';

/** Sends a request on a connection of its own and resolves, with all that came, when that is closed. */
export async function send(url: string, bytes: string, captures: Captures, options: SendOptions = {}): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const parts: Buffer[] = [];
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined); // a reset is an answer too
  let shaken = false;
  socket.on('data', (part: Buffer) => {
    parts.push(part);
    const text = Buffer.concat(parts).toString('latin1');
    if (options.frame !== undefined && !shaken && text.includes('\r\n\r\n')) {
      shaken = true;
      if (text.startsWith('HTTP/1.1 101')) socket.write(options.frame);
    }
    if (options.leaveAt !== undefined && text.includes(options.leaveAt)) socket.resetAndDestroy();
  });
  socket.write(bytes, 'latin1');
  await closed;
  const answer = Buffer.concat(parts);
  sort(answer, captures, options);
  return answer;
}

/** An echo in a header is the upstream's; what else stands in a head, and every answer without its name, is Sluice's. */
function sort(answer: Buffer, captures: Captures, options: SendOptions): void {
  if (/^HTTP\/1\.1 100 /.test(answer.toString('latin1', 0, 16))) {
    sort(answer.subarray(headLength(answer)), captures, options);
    return;
  }
  const end = headLength(answer);
  const head = parseHead(answer.subarray(0, end === -1 ? answer.length : end));
  const upstream = head.get('x-fake-upstream');
  if (upstream === undefined) {
    captures.add(REPLIES, answer);
    return;
  }
  const { startLine } = head;
  const lines = head.lines.filter(([name]) => name !== 'x-echo').map((line) => line.join(': '));
  captures.add(REPLIES, `${[upstream === 'echo' ? '' : startLine, ...lines].join('\n')}\n`);
  const body = answer.subarray(end);
  const event = options.mayEndInError === true ? body.lastIndexOf('data: {"error"') : -1;
  captures.add(`passed:${upstream}`, event === -1 ? body : body.subarray(0, event));
  if (event !== -1) captures.add(REPLIES, body.subarray(event));
}
