/** Plays the upstream's side of a WebSocket exchange: the handshake, frames both ways, an end. */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { garbageHeads } from './faults.ts';
import { clientFrames, serverFrames } from './frames.ts';
import { field } from './message-reader.ts';
import { close, faultOf, markFinished, write } from './play.ts';
import type { Turn } from './upstream-connection.ts';
import { marker, type Wire } from './wire.ts';

/** Answers one handshake and talks. */
export async function playWebsocket(turn: Turn): Promise<void> {
  const { exchange, record, socket } = turn;
  const { script } = exchange;
  const { fault } = script;
  const kind = faultOf(script, record.number);
  const wire = websocketWire(turn);
  record.wire = wire;
  const heard = hear(turn);
  if (kind === 'delay-head') await sleep(fault.ms);
  if (kind === 'ws-refused') {
    const head = `HTTP/1.1 403 No\r\n${marker}: ${script.index}.${record.number}\r\ncontent-length: 2\r\n\r\nno`;
    await write(turn, Buffer.from(head), 0);
    markFinished(turn);
    socket.end();
    return;
  }
  if (kind === 'garbage-head') {
    await write(turn, Buffer.from(garbageHeads[fault.form % garbageHeads.length] ?? '', 'latin1'), 0);
    if (fault.form % 2 === 0) close(turn, 'fin');
    return;
  }
  const cuts = kind === 'fin' || kind === 'rst' || kind === 'stall';
  const until = cuts ? Math.floor(fault.share * (wire.bytes.length - 1)) : wire.bytes.length;
  for (let from = 0; from < until && !socket.destroyed; from += 4000) {
    const to = Math.min(from + 4000, until);
    await write(turn, wire.bytes.subarray(from, to), to);
    await (kind === 'split' ? sleep(2) : nextTurn());
  }
  if (cuts) {
    if (kind !== 'stall') close(turn, kind);
    return;
  }
  markFinished(turn);
  await heard;
  record.bodyComplete = true;
  socket.end();
}

/** Compares what the client says; resolves when it has said all. */
function hear(turn: Turn): Promise<void> {
  const { record, exchange } = turn;
  const expected = clientFrames(exchange.script);
  const { promise, resolve } = Promise.withResolvers<void>();
  turn.onRaw = (bytes) => {
    const part = expected.subarray(record.received, record.received + bytes.length);
    if (!part.equals(bytes)) record.mismatch = true;
    record.received += bytes.length;
    if (record.received >= expected.length) resolve();
  };
  return promise;
}

function websocketWire({ exchange, record }: Turn): Wire {
  const key = field(record.head, 'sec-websocket-key') ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const head = Buffer.from(
    `HTTP/1.1 101 Switching Protocols\r\n${marker}: ${exchange.script.index}.${record.number}\r\n` +
      `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const body = serverFrames(exchange.script);
  const chunks = [{ wireAt: head.length, bodyAt: 0, length: body.length }];
  return { bytes: Buffer.concat([head, body]), finalAt: 0, headEnd: head.length, body, chunks };
}
