import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import Type from 'typebox';
import WebSocket, { WebSocketServer } from 'ws';
import { definePolicy } from '../../src/policy.ts';
import { testRedisUrl } from '../support/redis.ts';
import { startProxy } from '../support/start-proxy.ts';
import { answer, configOf, type Held, type HeldOptions, startHeld } from './held-upstream.ts';

/** Denies or fails when it is told to. */
const moody = definePolicy({
  name: 'moody',
  summary: 'denies or fails',
  schema: Type.Object({}),
  setup: ({ problem }) => ({
    request(ctx) {
      if (ctx.in.headers.get('x-fail') !== undefined) throw new Error('made by the test');
      return ctx.in.headers.get('x-deny') === undefined ? undefined : problem('header_denied');
    },
    attempt(ctx) {
      if (ctx.in.headers.get('x-fail-late') !== undefined) throw new Error('made by the test');
    },
  }),
});

interface Ending {
  readonly options?: HeldOptions;
  play(held: Held): Promise<unknown>;
}

const withMoody: HeldOptions = { behind: [{ policy: 'moody' }], policies: [moody] };
const refusedBy = (header: string, status: number): Ending => ({
  options: withMoody,
  play: async ({ ask }) => {
    const client = await ask({ [header]: '1' });
    assert.equal((await client.response()).status, status);
  },
});

const endings: Readonly<Record<string, Ending>> = {
  'a whole answer': {
    play: async ({ run }) => {
      const { client, exchange } = await run();
      await answer(exchange);
      assert.equal((await client.response()).status, 200);
    },
  },
  'a client that leaves before the first byte': {
    play: async ({ run }) => (await run()).client.reset(),
  },
  'a client that leaves in mid-stream': {
    play: async ({ run }) => {
      const { client, exchange } = await run();
      await exchange.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n');
      await client.head();
      client.destroy();
    },
  },
  'a client that leaves, its answer drained': {
    options: { routeOptions: { on_client_abort: { drain: { max_seconds: 5, max_bytes: 1000 } } } },
    play: async ({ run, gauges, proxy }) => {
      const { client, exchange } = await run();
      await exchange.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      await client.head();
      client.reset();
      while (!/^sluice_connections 0$/m.test(await proxy.metrics()));
      await gauges({ inUse: 1 });
      await exchange.write('0\r\n\r\n');
    },
  },
  'an upstream that resets': {
    play: async ({ run }) => {
      const { client, exchange } = await run();
      exchange.reset();
      assert.equal((await client.response()).status, 502);
    },
  },
  'an upstream that cuts its answer': {
    play: async ({ run }) => {
      const { client, exchange } = await run();
      await exchange.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf');
      exchange.reset();
      assert.equal((await client.response()).complete, false);
    },
  },
  'a later policy that denies': refusedBy('x-deny', 403),
  'a later policy that fails': refusedBy('x-fail', 500),
  'a policy of attempts that fails': refusedBy('x-fail-late', 500),
};

const redisOf = async (t: TestContext) => ({ redis: { url: await testRedisUrl(t) } });

for (const [name, { options, play }] of Object.entries(endings)) {
  for (const side of ['memory', 'redis']) {
    test(`${name}: slots in ${side}`, { timeout: 20_000 }, async (t) => {
      const id = `slots-${process.pid}-${performance.now()}`;
      const extra = side === 'redis' ? await redisOf(t) : {};
      const held = await startHeld(t, { limit: 1 }, { ...options, extra, entry: { id } });
      for (let i = 0; i < 3; i++) {
        await play({ ...held, gauges: (want) => held.gauges(want, id) });
        await held.gauges({ inUse: 0 }, id);
      }
      assert.equal((await held.proxy.app.limits.slots.inspect(id, 'global')).held, 0);
    });
  }
}

test('a WebSocket has its slot until it is closed', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const proxy = await startProxy(configOf(`http://127.0.0.1:${address.port}`, { limit: 1 }), { t });
  const url = `${proxy.url.replace('http', 'ws')}/openai/x`;
  for (let i = 0; i < 2; i++) {
    const socket = new WebSocket(url);
    await once(socket, 'open');
    const second = new WebSocket(url);
    const [error] = await once(second, 'error');
    assert.match(String(error), /429/);
    socket.close();
    await once(socket, 'close');
    while (!/^sluice_concurrency_in_use\{policy="concurrency"\} 0$/m.test(await proxy.metrics()));
  }
});
