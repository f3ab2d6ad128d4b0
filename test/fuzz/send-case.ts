/** The client: sends the bytes of one case over a connection of its own and reads what comes back. */
import { connect } from 'node:net';
import type { Case } from './cases.ts';
import type { Reading } from './node-reader.ts';

/** One final answer, as read from the connection. */
export interface Answer {
  readonly status: number;
  /** Whose answer it is, when the upstream gave it. */
  readonly id: string | undefined;
  /** Says that nothing follows it. */
  readonly last: boolean;
}

/** What the client got. */
export interface Sent {
  readonly answers: readonly Answer[];
  /** The text received, for reports. */
  readonly received: string;
  /** Set when neither the answers nor the end came in time. */
  readonly hung: boolean;
}

/** Longer than Sluice reads on for a client that sends what nobody wants (2 s). */
const patienceMs = 10_000;
const head = /HTTP\/1\.1 (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/g;

/**
 * Sends, waits for as many answers as whole requests were read by `reading` (or for the connection's end, where the bytes
 * end in an error), says FIN and waits for the end.
 */
export function sendCase(port: number, { writes }: Case, reading: Reading, wanted: number): Promise<Sent> {
  return new Promise((resolve) => {
    let received = '';
    let sent = 0;
    let hung = false;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const finishWhenAnswered = () => {
      if (sent < writes.length || reading.error !== undefined || socket.writableEnded) return;
      if (readAnswers(received).length >= wanted) socket.end();
    };
    const write = () => {
      if (socket.destroyed) return;
      const part = writes[sent++];
      if (part !== undefined) socket.write(part);
      // Two turns of the event loop: Sluice, in this very process, reads the part on its own.
      if (sent < writes.length) setImmediate(setImmediate, write);
      else finishWhenAnswered();
    };
    socket.on('connect', write);
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      finishWhenAnswered();
    });
    socket.on('error', () => undefined);
    const deadline = setTimeout(() => {
      hung = true;
      socket.resetAndDestroy();
    }, patienceMs);
    socket.on('close', () => {
      clearTimeout(deadline);
      resolve({ answers: readAnswers(received), received, hung });
    });
  });
}

function readAnswers(received: string): Answer[] {
  const answers: Answer[] = [];
  for (const [, code, fields] of received.matchAll(head)) {
    const status = Number(code);
    if (status < 200 && status !== 101) continue;
    const id = /^x-fuzz-id: (.*)\r$/m.exec(fields ?? '')?.[1];
    answers.push({ status, id, last: /^connection: close\r$/im.test(fields ?? '') });
  }
  return answers;
}
