/** Bodies go on byte for byte and as they come, and neither side is read faster than the other reads (law 1). */
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { chunk, type Hazard, message, stage, type Target } from './hazard.ts';

const everyByte = Buffer.from(Array.from({ length: 256 * 64 }, (_, i) => (i * 7 + (i >> 8)) & 255));
const latin1 = (bytes: Buffer) => bytes.toString('latin1');

/** A response body and a request body of these bytes arrive as they are, counted or chunked. */
function unchanged(bytes: Buffer, framing: 'counted' | 'chunked', ...lines: string[]) {
  const field = framing === 'counted' ? `content-length: ${bytes.length}` : 'transfer-encoding: chunked';
  const split = latin1(bytes).match(/[\s\S]{1,1000}/g) ?? [];
  const body = framing === 'counted' ? latin1(bytes) : split.map(chunk).join('') + chunk('');
  return async (target: Target) => {
    const answer = `HTTP/1.1 200 OK\r\n${[...lines, field].join('\r\n')}\r\n\r\n${body}`;
    const { upstream, ask } = await stage(target, answer);
    const response = await ask(message('POST /v1/x', ...lines, field) + body);
    assert.ok(response.body.equals(bytes));
    assert.ok((await upstream.exchanges[0]?.body)?.equals(bytes));
    for (const line of lines) {
      const [name = '', value] = line.split(': ');
      assert.deepEqual(response.head.getAll(name), [value]);
      assert.deepEqual(upstream.exchanges[0]?.head.getAll(name), [value]);
    }
  };
}

/** Far more than the sockets' buffers on the way hold, far less than the bodies. */
const held = 24_000_000;
const total = 64_000_000;
const block = Buffer.alloc(256 * 1024, 97);

/** Writes blocks until nothing has been taken for a while; returns how many bytes were. */
async function pump(write: (bytes: Buffer) => Promise<unknown>): Promise<number> {
  let taken = 0;
  for (;;) {
    const stalled = new Promise<'stalled'>((resolve) => setTimeout(resolve, 400, 'stalled'));
    if ((await Promise.race([write(block), stalled])) === 'stalled' || taken >= total) return taken;
    taken += block.length;
  }
}

/** See the module. */
export const bodies: readonly Hazard[] = [
  {
    name: 'every byte value passes in counted bodies, both ways',
    native: 'passes',
    run: unchanged(everyByte, 'counted'),
  },
  {
    name: 'every byte value passes in chunked bodies, both ways',
    native: 'passes',
    run: unchanged(everyByte, 'chunked'),
  },
  {
    name: 'what is gzip stays gzip, both ways',
    native: 'passes',
    run: unchanged(gzipSync(everyByte), 'counted', 'content-encoding: gzip', 'etag: "g"'),
  },
  {
    name: 'trailers of the upstream reach the client',
    native: 'fails',
    async run(target) {
      const answer = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk('ok')}0\r\nX-Sum: 1\r\n\r\n`;
      const { connect } = await stage(target, answer);
      const client = await connect();
      await client.send(message('GET /v1/x'));
      while (!/\r\n0\r\n[\s\S]*\r\n\r\n$/.test(client.received.toString())) assert.ok(await client.chunk());
      assert.match(client.received.toString(), /\r\n0\r\nx-sum: 1\r\n\r\n$/i);
    },
  },
  {
    name: 'the head of a response leaves before its first chunk comes',
    native: 'fails',
    async run(target) {
      const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
      const { upstream, connect } = await stage(target, head);
      const client = await connect();
      await client.send(message('GET /v1/x'));
      assert.match((await client.head()).startLine, / 200 /);
      await (await upstream.nextExchange()).write(chunk('data: 1\n\n') + chunk(''));
      while (!client.received.toString().endsWith('0\r\n\r\n')) assert.ok(await client.chunk());
    },
  },
  {
    name: 'each chunk goes on before the next is sent',
    native: 'passes',
    async run(target) {
      const { upstream, connect } = await stage(
        target,
        'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n0\r\n',
      );
      const client = await connect();
      await client.send(message('GET /v1/x'));
      const exchange = await upstream.nextExchange();
      for (let n = 0; n < 20; n++) {
        const event = `data: ${n}\n\n`;
        await exchange.write(chunk(event));
        await client.arrival(event);
      }
    },
  },
  {
    name: 'a request body goes on as it comes',
    native: 'passes',
    async run(target) {
      const { upstream, connect } = await stage(target, () => {}, { on: 'head' });
      const client = await connect();
      await client.send(message('POST /v1/x', 'transfer-encoding: chunked') + chunk('begin;'));
      const { socket } = await upstream.nextExchange();
      for (let n = 0; n < 20; n++) {
        const part = `part ${n};`;
        const arrived = new Promise<void>((resolve) => {
          const read = (bytes: Buffer) => {
            if (!bytes.includes(part)) return;
            socket.off('data', read);
            resolve();
          };
          socket.on('data', read);
        });
        await client.send(chunk(part));
        await arrived;
      }
    },
  },
  {
    name: 'a client that does not read holds the upstream back, and gets it all in the end',
    native: 'passes',
    async run(target) {
      const { upstream, connect } = await stage(target, () => {});
      const client = await connect();
      await client.send(message('GET /v1/x'));
      client.pause();
      const exchange = await upstream.nextExchange();
      await exchange.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
      const taken = await pump(exchange.write);
      assert.ok(taken < held, `${taken} bytes were taken for a client that does not read`);
    },
  },
  {
    name: 'an upstream that does not read holds the client back',
    native: 'passes',
    async run(target) {
      const { upstream, connect } = await stage(target, ({ socket }) => void socket.pause(), { on: 'head' });
      const client = await connect();
      client.socket.on('error', () => {});
      await client.send(`${message('POST /v1/x', `content-length: ${total}`)}begin`);
      await upstream.nextExchange();
      const taken = await pump((bytes) => client.send(bytes).catch(() => undefined));
      assert.ok(taken < held, `${taken} bytes were taken for an upstream that does not read`);
    },
  },
  {
    name: 'a large upload and a large answer arrive whole',
    native: 'passes',
    async run(target) {
      const large = Buffer.concat(Array.from({ length: 200 }, () => everyByte));
      const { upstream, connect } = await stage(target, async ({ write }) => {
        await write(`HTTP/1.1 200 OK\r\ncontent-length: ${large.length}\r\n\r\n`);
        await write(large);
      });
      const client = await connect();
      await client.send(message('POST /v1/x', `content-length: ${large.length}`));
      await client.send(large);
      const response = await client.response();
      assert.ok(response.body.equals(large));
      assert.ok((await upstream.exchanges[0]?.body)?.equals(large));
    },
  },
];
