/** What belongs to one connection stays on it (RFC 9110 §7.6.1), and the two connections do not end each other. */
import assert from 'node:assert/strict';
import { chunk, type Hazard, message, ok, stage } from './hazard.ts';

const namesOf = (lines: readonly (readonly [string, string])[]) => lines.map(([name]) => name.toLowerCase());

/** See the module. */
export const hopByHop: readonly Hazard[] = [
  {
    name: "a request's hop-by-hop fields, and those its Connection names, stay behind",
    native: 'fails',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      const hops = ['keep-alive: timeout=5', 'te: trailers', 'trailer: x', 'proxy-connection: keep-alive'];
      const named = ['x-unknown: 1', 'x-other: 2'];
      await ask(
        message('GET /v1/x', 'Connection: X-Unknown, x-other', ...hops, 'proxy-authorization: Basic eA==', ...named),
      );
      const names = namesOf(upstream.exchanges[0]?.head.lines ?? []);
      for (const line of [...hops, ...named, 'proxy-authorization: ']) {
        const [name = ''] = line.split(':');
        assert.ok(!names.includes(name), name);
      }
    },
  },
  {
    name: "a response's hop-by-hop fields, and those its Connection names, stay behind",
    native: 'fails',
    async run(target) {
      const hops = ['Keep-Alive: timeout=9', 'Proxy-Authenticate: Basic', 'Trailer: x', 'Upgrade: h2c', 'X-Unknown: 1'];
      const head = ['HTTP/1.1 200 OK', 'Connection: x-unknown', ...hops, 'Transfer-Encoding: chunked'].join('\r\n');
      const { ask } = await stage(target, `${head}\r\n\r\n${chunk('ok')}${chunk('')}`);
      const response = await ask(message('GET /v1/x'));
      assert.equal(response.body.toString(), 'ok');
      const names = namesOf(response.head.lines);
      // Keep-Alive may be said by the proxy of its own connection.
      for (const name of ['x-unknown', 'proxy-authenticate', 'trailer', 'upgrade'])
        assert.ok(!names.includes(name), name);
      assert.notEqual(response.head.get('keep-alive'), 'timeout=9');
    },
  },
  {
    name: "a client's Connection: close does not end the upstream's connection",
    native: 'fails',
    async run(target) {
      const { upstream, connect } = await stage(target, ok);
      for (let i = 0; i < 3; i++) {
        const client = await connect();
        await client.send(message('GET /v1/x', 'connection: close'));
        assert.equal((await client.response()).status, 200);
        assert.equal((await client.closed).by, 'fin');
      }
      assert.equal(upstream.connections, 1);
      for (const { head } of upstream.exchanges) assert.ok(!/close/i.test(head.get('connection') ?? ''));
    },
  },
  {
    name: "an upstream's Connection: close does not end the client's connection",
    native: 'fails',
    async run(target) {
      const { connect } = await stage(target, async ({ write, end }) => {
        await write('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok');
        end();
      });
      const client = await connect();
      for (let i = 0; i < 2; i++) {
        await client.send(message('GET /v1/x'));
        const response = await client.response();
        assert.equal(response.status, 200);
        assert.notEqual(response.head.get('connection'), 'close');
      }
    },
  },
  {
    name: 'requests of many clients share kept-alive connections to the upstream',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      for (let i = 0; i < 4; i++) assert.equal((await ask(message('POST /v1/x', 'content-length: 0'))).status, 200);
      assert.equal(upstream.connections, 1);
    },
  },
  {
    name: 'a kept-alive connection that turns out stale is tried once more',
    native: 'fails',
    async run(target) {
      const { upstream, ask } = await stage(target, (exchange) => {
        if (exchange.index === 0) void exchange.write(ok);
        else exchange.reset();
      });
      const post = `${message('POST /v1/x', 'content-length: 4')}body`;
      assert.equal((await ask(post)).status, 200);
      assert.equal((await ask(post)).status, 200);
      assert.equal(upstream.connections, 2);
      assert.equal((await upstream.exchanges.at(-1)?.body)?.toString(), 'body');
    },
  },
  {
    name: 'a request that a new connection lost is not sent twice',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, (exchange) => exchange.reset());
      assert.equal((await ask(`${message('POST /v1/x', 'content-length: 4')}body`)).status, 502);
      assert.equal(upstream.exchanges.length, 1);
    },
  },
  {
    name: 'a request of which a byte has been answered is not sent twice',
    native: 'passes',
    async run(target) {
      const { upstream, connect } = await stage(target, async (exchange) => {
        await exchange.write(exchange.index === 0 ? ok : 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf');
      });
      const client = await connect();
      await client.send(message('GET /v1/x'));
      await client.response();
      const first = await upstream.nextExchange();
      await client.send(message('GET /v1/x'));
      await client.arrival('half');
      first.reset();
      await client.closed;
      assert.equal(upstream.exchanges.length, 2);
    },
  },
  {
    name: 'more requests than connections wait for one, and each carries the key',
    native: 'fails',
    async run(target) {
      const { upstream, ask } = await stage(target, ok, { connections: 2 });
      const asked = Array.from({ length: 12 }, () => ask(message('GET /v1/x', 'authorization: Bearer of-the-client')));
      for (const { status } of await Promise.all(asked)) assert.equal(status, 200);
      assert.equal(upstream.connections, 2);
      for (const { head } of upstream.exchanges) assert.match(head.get('authorization') ?? '', /provider/);
    },
  },
];
