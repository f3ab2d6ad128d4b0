import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { writeAsOne } from '../../src/resources/one-write.ts';

const sizes = [0, 1, 200, 1500, 16_000, 16_384, 20_000];

test('what a slow reader leaves waiting is not written over by the writes of others', async (t) => {
  const accepted: Socket[] = [];
  const all = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    if (accepted.push(socket) === 3) all.resolve();
  });
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    }),
  );
  await all.promise;
  const letter = (i: number) => String.fromCharCode(97 + i);
  const sent = clients.map(() => 0);
  let blocked = 0;
  // In turns, until the kernel takes no more of any of them; and then a little more.
  for (let round = 0; round < 20_000 && blocked < 50; round++) {
    for (const [i, socket] of clients.entries()) {
      const size = sizes[round % sizes.length] ?? 0;
      writeAsOne(socket, letter(i), Buffer.alloc(size, letter(i)), letter(i));
      sent[i] = (sent[i] ?? 0) + size + 2;
    }
    if (clients.every(({ writableLength }) => writableLength > 0)) blocked++;
  }
  assert.ok(blocked > 0, 'the kernel has taken everything: nothing was tested');
  for (const socket of clients) socket.end();

  const received = await Promise.all(
    accepted.map(async (socket) => {
      const counts = new Map<number, number>();
      for await (const bytes of socket) {
        for (const byte of bytes as Buffer) counts.set(byte, (counts.get(byte) ?? 0) + 1);
      }
      return [...counts].map(([byte, count]) => `${String.fromCharCode(byte)} ${count}`);
    }),
  );
  const expected = sent.map((bytes, i) => [`${letter(i)} ${bytes}`]);
  assert.deepEqual(received.sort(), expected.sort());
});
