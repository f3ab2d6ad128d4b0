import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const GET = 'GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n';

test('garbage behind a request whose answer is running resets the connection: no refusal becomes part of that answer', async (t) => {
  const half = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it';
  const upstream = await startRawUpstream((exchange) => void exchange.write(half), { t });
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  await client.send(GET);
  const exchange = await upstream.nextExchange();
  await client.head();
  await client.send('nonsense\r\n\r\n');
  assert.equal((await client.closed).by, 'reset');
  assert.ok(client.received.toString().endsWith('half of it'));
  await exchange.closed;
});

test('a handshake pipelined behind an unanswered request does not overtake its answer', async (t) => {
  const upstream = await startRawUpstream(() => undefined, { t });
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  for (const fields of ['host: x\r\n', '']) {
    const client = await connectRaw(proxy.url);
    await client.send(`${GET}GET /openai/y HTTP/1.1\r\n${fields}connection: upgrade\r\nupgrade: websocket\r\n\r\n`);
    await client.closed;
    assert.equal(client.received.toString(), '');
  }
  assert.ok(!proxy.logs.some(({ level }) => level === 'error'));
});
