import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { writeTogether } from '../../src/resources/write-together.ts';

/** A socket, and what its other end reads, one element for each read. */
async function pair(t: { after(end: () => void): void }): Promise<{ socket: Socket; reads: string[] }> {
  const reads: string[] = [];
  const server = createServer((peer) => {
    peer.on('data', (bytes: Buffer) => reads.push(bytes.toString()));
    peer.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  t.after(() => {
    socket.destroy();
    server.close();
  });
  return { socket, reads };
}

test('what several write in one turn of the loop, also behind promises, is one write; the next turn is another', async (t) => {
  const { socket, reads } = await pair(t);
  writeTogether(socket);
  socket.write('a');
  void Promise.resolve().then(() => socket.write('b'));
  process.nextTick(() => socket.write('c'));
  await turn();
  await wait(50);
  socket.write('d');
  await wait(50);
  assert.deepEqual(reads, ['abc', 'd']);
});

test('texts and bytes keep their order', async (t) => {
  const { socket, reads } = await pair(t);
  writeTogether(socket);
  socket.write('a ü ');
  socket.write(Buffer.from('b '));
  socket.write('c ');
  socket.write('64', 'hex');
  socket.write(' e');
  await wait(50);
  assert.equal(reads.join(''), 'a ü b c d e');
});

test('an end behind a write takes it along, and a destroyed socket throws nothing', async (t) => {
  const { socket, reads } = await pair(t);
  writeTogether(socket);
  socket.write('last');
  socket.end();
  await wait(50);
  assert.deepEqual(reads, ['last']);
  const other = await pair(t);
  writeTogether(other.socket);
  other.socket.on('error', () => undefined);
  other.socket.write('never');
  other.socket.destroy();
  await wait(20);
  assert.deepEqual(other.reads, []);
});
