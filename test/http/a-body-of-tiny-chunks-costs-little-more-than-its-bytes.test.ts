import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Body } from '../../src/http/body.ts';
import { HeldBytes } from '../../src/http/held-bytes.ts';
import { collectGarbage } from '../../src/resources/garbage.ts';

const MiB = 1024 * 1024;

/** A body whose chunks are given by hand. */
function start(ahead: number) {
  const source = new Readable({ read() {} });
  const req = Object.assign(source, { headers: { 'transfer-encoding': 'chunked' }, complete: false, socket: {} });
  const owner = { bodyWanted() {}, bodyTooLarge() {}, bodyCannotBeHeld() {} };
  const held = new HeldBytes(64 * MiB);
  const body = new Body(req as unknown as IncomingMessage, owner, { replay: MiB, ahead, held });
  return { source, body, held };
}

test('a hundred thousand chunks of one byte are held in few objects', async () => {
  const { source, body, held } = start(8 * MiB);
  body.read();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  for (let i = 0; i < 100_000; i++) {
    source.push(Buffer.from('a'));
    if (i % 1000 === 0) await turn();
  }
  await turn();
  assert.equal(held.total, 100_000);
  collectGarbage();
  const now = process.memoryUsage();
  const cost = now.heapUsed - heapUsed + now.arrayBuffers - arrayBuffers;
  // An object for each would be 15 MB.
  assert.ok(cost < 2_000_000, `${cost} bytes`);
  body.discard();
});

test('chunks that are joined, before they are sent and behind that, are sent and replayed as they came', async () => {
  const { source, body, held } = start(8 * MiB);
  const sent: Buffer[] = [];
  const push = async (length: number) => {
    const chunk = randomBytes(length);
    sent.push(chunk);
    source.push(chunk);
    await turn();
  };
  const lengths = [1, 2, 4094, 1, 1, 5000, 1, 1, 1, 100_000, 3, 3, 4090, 2, 1];
  for (const length of lengths) await push(length);
  const first = body.forward();
  assert.ok(first instanceof Readable);
  const got: Buffer[] = [];
  first.on('data', (chunk: Buffer) => got.push(chunk));
  for (const length of lengths) await push(length);
  assert.ok(Buffer.concat(got).equals(Buffer.concat(sent)), 'what has been sent');
  first.pause();
  // The second fills the stream: those behind it are not sent yet.
  for (const length of [65_535, 1, 1, 1, 1]) await push(length);
  first.resume();
  await turn();
  assert.ok(Buffer.concat(got).equals(Buffer.concat(sent)), 'what has been held back');
  for (const length of lengths) await push(length);
  body.detach();
  const second = body.forward();
  assert.ok(second instanceof Readable);
  source.push(null);
  const replayed = Buffer.concat(await second.toArray());
  assert.ok(replayed.equals(Buffer.concat(sent)), 'what is sent again');
  assert.equal(held.total, replayed.length);
});
