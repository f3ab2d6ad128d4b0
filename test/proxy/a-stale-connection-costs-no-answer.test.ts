/** Connections that an upstream has dropped without a word: the request goes once more, on a new one, and no more than that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const POST = 'POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi';

test('of several connections that went stale together only one is tried', async (t) => {
  const warming: (() => void)[] = [];
  const upstream = await startRawUpstream(
    (exchange) => {
      if (exchange.index > 0) exchange.reset();
      else if (warming.push(() => void exchange.write(OK)) === 3) for (const answer of warming) answer();
      else if (warming.length > 3) void exchange.write(OK);
    },
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const ask = async () => {
    const client = await connectRaw(proxy.url, { t });
    await client.send(POST);
    return (await client.response()).status;
  };
  assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [200, 200, 200]);
  assert.equal(upstream.connections, 3);
  assert.equal(await ask(), 200);
  assert.equal(upstream.connections, 4);
});

test('who resets a connection after it has been at work is not asked again', async (t) => {
  const upstream = await startRawUpstream(
    async (exchange) => {
      if (exchange.index === 0) {
        await exchange.write(OK);
        return;
      }
      await sleep(2_100);
      exchange.reset();
    },
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url, { t });
  await client.send(POST);
  assert.equal((await client.response()).status, 200);
  await client.send(POST);
  assert.equal((await client.response()).status, 502);
  assert.equal(upstream.exchanges.length, 2);
});
