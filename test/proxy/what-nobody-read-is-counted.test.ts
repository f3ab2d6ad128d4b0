import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const GET = 'GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n';

test('a drained answer is read to its end, or to its bounds, and what it brought is counted as undelivered', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(HEAD), { t });
  const drain = { max_seconds: 5, max_bytes: 50 };
  const proxy = await startProxy({ upstream: upstream.url, routeOptions: { on_client_abort: { drain } } }, { t });
  const undelivered = async () => Number(/sluice_undelivered_bytes_total (\d+)/.exec(await proxy.metrics())?.[1] ?? 0);

  const begin = async () => {
    const client = await connectRaw(proxy.url);
    await client.send(GET);
    const exchange = await upstream.nextExchange();
    await client.head();
    client.destroy();
    while (!/^sluice_connections 0$/m.test(await proxy.metrics()));
    return exchange;
  };
  const ends = () => proxy.logs.filter(({ msg }) => msg === 'exchange').length;
  const whole = await begin();
  await whole.write('a\r\n0123456789\r\n');
  await whole.write('0\r\n\r\n');
  await proxy.logged(({ outcome }) => outcome === 'client_abort');
  assert.equal(await undelivered(), 10);

  const long = await begin();
  await long.write(`64\r\n${'x'.repeat(100)}\r\n`);
  await long.closed;
  while (ends() < 2) await proxy.logged(({ msg }) => msg === 'exchange').then(() => new Promise(setImmediate));
  assert.equal(await undelivered(), 110, 'the bytes that showed that it is too long count too');
});
