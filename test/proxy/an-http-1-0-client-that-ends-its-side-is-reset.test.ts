import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const HALF = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n';

test('an HTTP/1.0 client that ends its side in a response is reset: a FIN would be the end of it', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(HALF), { t });
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  await client.send('GET /openai/x HTTP/1.0\r\nhost: x\r\n\r\n');
  const exchange = await upstream.nextExchange();
  await client.head();
  assert.equal(`${await client.chunk()}`, 'half');
  client.end();
  assert.equal((await client.closed).by, 'reset');
  await exchange.closed;
});
