/** Plays an exchange's script on the upstream's side of an HTTP exchange. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { badHeads, cutOf, garbageChunks, garbageHeads, poison } from './faults.ts';
import { Prng } from './prng.ts';
import type { FaultKind, Script } from './script.ts';
import type { Turn } from './upstream-connection.ts';
import { buildWire, type Wire } from './wire.ts';

/** What a script's attempt suffers: only the first is harmed, so that a retry finds a healthy upstream. */
export function faultOf(script: Script, attempt: number): FaultKind {
  return attempt === 0 ? script.fault.kind : 'none';
}

/** Answers one request. Ends when there is nothing more to do. */
export async function play(turn: Turn): Promise<void> {
  const { record, socket, exchange } = turn;
  const { script } = exchange;
  const { form, ms } = script.fault;
  const kind = faultOf(script, record.number);
  const early =
    kind === 'early-4xx' && script.response.framing !== 'empty'
      ? { ...script, response: { ...script.response, status: 413 } }
      : script;
  const wire = buildWire(early, record.number);
  record.wire = wire;

  if (kind === 'early-answer' || kind === 'early-4xx' || kind === 'early-hard-close') {
    await writeAll(turn, wire);
    if (kind === 'early-answer') socket.end();
    if (kind === 'early-hard-close') {
      socket.pause();
      await sleep(form % 15);
      close(turn, 'rst');
    }
    return;
  }
  if (kind === 'slow-read') slowly(turn);
  await turn.whole;
  if (kind === 'delay-head') await sleep(ms);
  if (socket.destroyed) return;

  if (kind === 'fin' || kind === 'rst' || kind === 'stall') {
    await cut(turn, wire, kind);
  } else if (
    kind === 'garbage-head' ||
    kind === 'bad-head' ||
    kind === 'oversized-head' ||
    kind === 'unsolicited-101'
  ) {
    await write(turn, instead(kind, form), 0);
    if (form % 2 === 0) close(turn, 'fin');
  } else if (kind === 'garbage-chunk' && wire.chunks.length > 0) {
    await garble(turn, wire);
  } else if (kind === 'excess' && wire.bytes.length < 16_000) {
    // In one write with the answer: what comes later cannot be told from an answer to the next request.
    await write(turn, Buffer.concat([wire.bytes, poison]), wire.bytes.length);
    finished(turn, wire);
  } else {
    await (kind === 'split' || kind === 'every-byte' || kind === 'delay-body' ? writeInPieces : writeAll)(turn, wire);
    if (kind !== 'close-idle') return;
    if (form % 3 > 0) await sleep(form % 3);
    close(turn, form % 2 === 0 ? 'fin' : 'rst');
  }
}

function instead(kind: FaultKind, form: number): Buffer {
  if (kind === 'garbage-head') return at(garbageHeads, form);
  if (kind === 'bad-head') return at(badHeads, form);
  if (kind === 'oversized-head') return Buffer.from(`HTTP/1.1 200 OK\r\nx-large: ${'a'.repeat(80_000)}\r\n\r\n`);
  return Buffer.from(
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x01a',
    'latin1',
  );
}

function at(list: readonly string[], form: number): Buffer {
  return Buffer.from(list[form % list.length] ?? '', 'latin1');
}

async function cut(turn: Turn, wire: Wire, by: 'fin' | 'rst' | 'stall'): Promise<void> {
  const { fault } = turn.exchange.script;
  const until = cutOf(wire, fault);
  await write(turn, wire.bytes.subarray(0, until), until);
  if (by === 'stall') return;
  // A reset overtakes what has not been read yet; sometimes it is given the time to arrive.
  if (fault.form % 2 === 0) await sleep(fault.ms / 4);
  // Where only the connection's end marks the body's, a FIN within the body is an end like any other.
  const closeDelimited = turn.exchange.script.response.framing === 'close' && until >= wire.headEnd;
  if (by === 'fin' && closeDelimited) markFinished(turn);
  close(turn, by);
}

async function garble(turn: Turn, wire: Wire): Promise<void> {
  const { fault } = turn.exchange.script;
  const chunk = wire.chunks[Math.floor(fault.share * wire.chunks.length)];
  const before = wire.chunks[wire.chunks.indexOf(chunk as Wire['chunks'][number]) - 1];
  const until = before === undefined ? wire.headEnd : before.wireAt + before.length + 2;
  await write(turn, Buffer.concat([wire.bytes.subarray(0, until), at(garbageChunks, fault.form)]), until);
  if (fault.form % 2 === 0) close(turn, 'fin');
}

async function writeInPieces(turn: Turn, wire: Wire): Promise<void> {
  const { script } = turn.exchange;
  const kind = script.fault.kind;
  const random = new Prng(`pieces/${script.index}`);
  const total = wire.bytes.length;
  if (kind === 'delay-body') {
    await write(turn, wire.bytes.subarray(0, wire.headEnd), wire.headEnd);
    await sleep(script.fault.ms);
    if (!turn.socket.destroyed) await write(turn, wire.bytes.subarray(wire.headEnd), total);
  } else {
    const most = kind === 'every-byte' ? 800 : 12;
    const cuts = Array.from({ length: most }, (_, i) => (total <= most ? i + 1 : random.int(1, total - 1)));
    const slowUntil = performance.now() + 400;
    let from = 0;
    for (const to of [...new Set([...cuts, total])].filter((cut) => cut <= total).sort((a, b) => a - b)) {
      if (turn.socket.destroyed) return;
      if (performance.now() > slowUntil && to < total) continue;
      await write(turn, wire.bytes.subarray(from, to), to);
      from = to;
      await (kind === 'split' && random.chance(0.3) ? sleep(random.int(1, 8)) : nextTurn());
    }
  }
  finished(turn, wire);
}

async function writeAll(turn: Turn, wire: Wire): Promise<void> {
  await write(turn, wire.bytes, wire.bytes.length);
  finished(turn, wire);
}

/** Writes; `until` is how much of the wire has then been sent. */
export async function write({ socket, record }: Turn, bytes: Buffer, until: number): Promise<void> {
  if (socket.destroyed || socket.writableEnded) return;
  record.sent = until;
  if (bytes.length > 0) await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
}

function finished(turn: Turn, wire: Wire): void {
  const { socket, record } = turn;
  if (socket.destroyed || record.sent < wire.bytes.length) return;
  markFinished(turn);
  if (turn.exchange.script.response.framing === 'close') socket.end();
}

/** Notes that the response is whole. */
export function markFinished({ record }: Turn): void {
  record.finished = true;
  record.finishedAt = performance.now();
}

/** Closes the upstream's side as the script wants. */
export function close({ socket, record }: Turn, by: 'fin' | 'rst'): void {
  if (socket.destroyed) return;
  if (!record.finished) record.struckAt = performance.now();
  if (by === 'fin') socket.end();
  // After its own FIN a socket cannot be reset any more, and libuv would keep it for ever.
  else if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
  if (by === 'rst') record.closedAt ??= performance.now();
}

/** Reads the request in gulps. */
function slowly({ socket, exchange }: Turn): void {
  let pauses = 0;
  const pause = () => {
    if (++pauses > 8) {
      socket.off('data', pause);
      return;
    }
    socket.pause();
    setTimeout(() => socket.resume(), exchange.script.fault.ms / 2);
  };
  socket.on('data', pause);
}
