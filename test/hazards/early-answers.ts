/** An upstream that answers before it has read the whole request (RFC 9112 §9.5): the answer arrives, and no more is lost. */
import assert from 'node:assert/strict';
import { type Hazard, message, ok, stage } from './hazard.ts';

const tooLarge = 'HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\ntoo';
const large = 3_000_000;

/** See the module. */
export const earlyAnswers: readonly Hazard[] = [
  {
    name: 'an answer during the upload reaches a client that still sends',
    native: 'passes',
    async run(target) {
      const { connect } = await stage(target, tooLarge, { on: 'head' });
      const client = await connect();
      await client.send(`${message('POST /v1/x', 'content-length: 100000')}half`);
      const answer = await client.response();
      assert.deepEqual([answer.status, answer.body.toString()], [413, 'too']);
    },
  },
  {
    name: 'a stream begun during the upload reaches the client while it still sends',
    native: 'fails',
    async run(target) {
      const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
      const { upstream, connect } = await stage(target, head, { on: 'head' });
      const client = await connect();
      await client.send(`${message('POST /v1/x', 'content-length: 8')}half`);
      assert.match((await client.head()).startLine, / 200 /);
      await client.send('half');
      const exchange = await upstream.nextExchange();
      assert.equal((await exchange.body).toString(), 'halfhalf');
      await exchange.write('2\r\nok\r\n0\r\n\r\n');
      while (!client.received.toString().endsWith('0\r\n\r\n')) assert.ok(await client.chunk());
    },
  },
  {
    name: 'an upstream that answers and closes without reading is heard by a client that sends it all',
    native: 'passes',
    async run(target) {
      const { connect } = await stage(
        target,
        async (exchange) => {
          exchange.socket.pause();
          await exchange.write(tooLarge.replace('\r\n', '\r\nconnection: close\r\n'));
          exchange.end();
        },
        { on: 'head' },
      );
      const client = await connect();
      client.socket.on('error', () => {});
      await client.send(message('POST /v1/x', `content-length: ${large}`));
      client.socket.write(Buffer.alloc(large, 97));
      assert.equal((await client.response()).status, 413);
    },
  },
  {
    name: 'after an early answer the client’s connection serves on or is closed, and never hangs',
    native: 'passes',
    async run(target) {
      const { connect } = await stage(
        target,
        (exchange) => void exchange.write(exchange.method === 'GET' ? ok : tooLarge),
        {
          on: 'head',
        },
      );
      const client = await connect();
      client.socket.on('error', () => {});
      await client.send(message('POST /v1/x', `content-length: ${large}`));
      client.socket.write(Buffer.alloc(large, 97));
      assert.equal((await client.response()).status, 413);
      client.socket.write(message('GET /v1/next'));
      const next = await Promise.race([client.response().catch(() => undefined), client.closed]);
      if (next !== undefined && 'status' in next) assert.equal(next.status, 200);
    },
  },
  {
    name: 'a connection whose request was not read to its end serves no other request',
    native: 'fails',
    async run(target) {
      // The upstream reads on: what it is sent next on this connection is the rest of the body.
      const { upstream, connect, ask } = await stage(
        target,
        (exchange) => void exchange.write(exchange.method === 'GET' ? ok : tooLarge),
        { on: 'head', connections: 1 },
      );
      const client = await connect();
      await client.send(`${message('POST /v1/x', 'content-length: 1000')}half`);
      assert.equal((await client.response()).status, 413);
      client.reset();
      assert.equal((await ask(message('GET /v1/next'))).status, 200);
      assert.equal(upstream.exchanges.at(-1)?.connection, 1);
    },
  },
];
