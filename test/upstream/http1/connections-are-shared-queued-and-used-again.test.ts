import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ask, startPool } from './pooled.ts';

const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';

/** An upstream that answers each request by `reply`, and a pool before it. */
async function start(t: TestContext, reply: (socket: Socket, count: number) => void, connections = 1) {
  const sockets: Socket[] = [];
  let count = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => reply(socket, ++count));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pool = startPool(t, (server.address() as AddressInfo).port, connections);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { pool, sockets };
}

test('requests beyond the connections wait for one, in order, and share it', async (t) => {
  const { pool, sockets } = await start(t, (socket) => socket.write(answer));
  assert.deepEqual(await Promise.all([ask(pool), ask(pool), ask(pool)]), ['hello', 'hello', 'hello']);
  assert.equal(sockets.length, 1);
  assert.deepEqual([pool.states, pool.inFlight], [{ active: 0, idle: 1, queued: 0 }, 0]);
});

test('a connection that was held back until the end of its answer reads the next one', async (t) => {
  const { pool, sockets } = await start(t, (socket) => socket.write(answer));
  assert.equal(await ask(pool, { data: (connection) => connection.pause() }), 'hello');
  assert.equal(await ask(pool), 'hello');
  assert.equal(sockets.length, 1);
});

test('bytes that nobody asked for, behind an answer or in between, are no answer to the next request', async (t) => {
  for (const surplus of ['now', 'later'] as const) {
    const { pool, sockets } = await start(t, (socket, count) => {
      socket.write(surplus === 'now' && count === 1 ? answer + answer.replace('hello', 'EVIL!') : answer);
    });
    assert.equal(await ask(pool), 'hello');
    if (surplus === 'later') {
      sockets[0]?.write(answer.replace('hello', 'EVIL!'));
      await once(sockets[0] as Socket, 'close');
    }
    assert.equal(await ask(pool), 'hello');
    assert.equal(sockets.length, 2);
  }
});

test('who has not taken all of a request is not sent another one behind it', { timeout: 10_000 }, async (t) => {
  const { pool, sockets } = await start(t, (socket, count) => {
    socket.write(answer);
    // Answers, keeps the connection and reads no more of it.
    if (count === 1) socket.pause();
  });
  const body = Buffer.alloc(20_000_000);
  assert.equal(await ask(pool, { message: { method: 'POST', body } }), 'hello');
  assert.equal(await ask(pool), 'hello');
  assert.equal(sockets.length, 2);
});

test('who leaves the queue is not sent, and the others keep their turn', async (t) => {
  const answered: (() => void)[] = [];
  const { pool, sockets } = await start(t, (socket) => void answered.push(() => socket.write(answer)));
  const first = ask(pool);
  const second = ask(pool);
  const third = ask(pool);
  while (answered.length === 0) await new Promise(setImmediate);
  assert.equal(pool.states.queued, 2);
  pool.forget(second.request);
  pool.done();
  answered.shift()?.();
  assert.equal(await first, 'hello');
  while (answered.length === 0) await new Promise(setImmediate);
  answered.shift()?.();
  assert.equal(await third, 'hello');
  assert.equal(sockets.length, 1);
  assert.equal(pool.inFlight, 0);
});

test('closing the pool fails what is on the way and what waits', async (t) => {
  const { pool } = await start(t, () => {});
  const asked = [ask(pool), ask(pool)];
  while (pool.states.active === 0) await new Promise(setImmediate);
  await pool.close();
  for (const one of await Promise.allSettled(asked)) assert.equal(one.status, 'rejected');
  assert.equal(pool.inFlight, 0);
});
