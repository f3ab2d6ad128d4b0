import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldBytes } from '../../src/http/held-bytes.ts';
import { MemoryPressure } from '../../src/resources/memory-pressure.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const GET = 'GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n';
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n';

test('above the threshold new requests get 503 overloaded with Retry-After, and running ones go on', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(HEAD), { t });
  const config = (memory: string) => ({ upstream: upstream.url, extra: { server: { shed: { memory } } } });
  const proxy = await startProxy(config('100%'), { t });

  const running = await connectRaw(proxy.url);
  await running.send(GET);
  const exchange = await upstream.nextExchange();
  await running.head();
  // Whatever this process uses of its heap is more than this.
  await proxy.reload(config('0.01%'));
  await proxy.logged(({ msg }) => msg === 'memory is scarce: new requests are refused until it is not');
  const refused = await fetch(`${proxy.url}/openai/x`);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal(((await refused.json()) as { code: string }).code, 'overloaded');
  assert.match(await proxy.metrics(), /sluice_memory_limit_ratio 0\.\d+/);
  assert.equal((await fetch(`${proxy.adminUrl}/readyz`)).status, 200, 'the pod stays ready');

  await exchange.write('done');
  let body = '';
  while (body.length < 4) body += String(await running.chunk());
  assert.equal(body, 'done');

  await proxy.reload(config('100%'));
  await proxy.logged(({ msg }) => msg === 'memory is no longer scarce');
  await running.send(GET);
  assert.match((await running.head()).startLine, / 200 /);
});

test('the limit counts what is used, and garbage is collected before anybody is refused', async (t) => {
  const said: string[] = [];
  const log = {
    info: (_: object, text: string) => void said.push(text),
    warn: (_: object, text: string) => void said.push(text),
    error() {},
  };
  let waste: Buffer[] = Array.from({ length: 300 }, () => Buffer.alloc(1024 * 1024, 1));
  const pressure = new MemoryPressure(0.9, log, process.memoryUsage.rss() / 0.95);
  t.after(() => pressure.close());
  waste = [];
  await until(pressure, () => pressure.ratio > 0 && pressure.ratio <= 0.8);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(waste.length, 0);
  assert.equal(pressure.high, false, `at ${pressure.ratio} after a collection`);
  assert.deepEqual(said, []);
});

test('small buffers that were freed do not count, although the allocator keeps their memory', async (t) => {
  const log = { info() {}, warn() {}, error() {} };
  let burst: Buffer[] = Array.from({ length: 5000 }, () => Buffer.alloc(60_000, 1));
  // Some of it may lie in memory that the process had already: only what it has now is a measure.
  const pressure = new MemoryPressure(0.9, log, process.memoryUsage.rss() / 1.1);
  t.after(() => pressure.close());
  await until(pressure, () => pressure.ratio >= 0.9);
  assert.equal(burst.length, 5000);
  burst = [];
  await until(pressure, () => pressure.ratio > 0 && pressure.ratio <= 0.8);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(pressure.high, false);
});

/** Waits at most 20 s, and says what the ratio was. */
async function until(pressure: MemoryPressure, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); ) {
    assert.ok(Date.now() < end, `still at ${pressure.ratio}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('what bodies may hold is counted as they come, by the room that memory had when it was looked at last', () => {
  const held = new HeldBytes(1000);
  held.total = 100;
  held.fit(200);
  held.total = 199;
  assert.equal(held.full, false);
  held.total = 200;
  assert.equal(held.full, true, 'half of the room is left for a copy');
  held.fit(-50);
  assert.equal(held.full, true);
  held.fit(Number.POSITIVE_INFINITY);
  assert.equal(held.full, false);
  held.total = 1000;
  assert.equal(held.full, true, 'never more than server.held_bytes');
});

test('the room ends between the threshold and the limit, and is not bounded where nothing is shed', async (t) => {
  const log = { info() {}, warn() {}, error() {} };
  const limit = process.memoryUsage.rss() * 2;
  const roomAt = async (threshold: number) => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const pressure = new MemoryPressure(threshold, log, limit, resolve);
    t.after(() => pressure.close());
    // What looks does not hold the process.
    const hold = setInterval(() => undefined, 1000);
    const room = await promise.finally(() => clearInterval(hold));
    return { room, used: pressure.ratio * limit };
  };
  const { room, used } = await roomAt(0.8);
  assert.ok(room > 0 && room <= limit * 0.9 && Math.abs(room + used - limit * 0.9) < limit * 0.05, `${room}`);
  assert.equal((await roomAt(1)).room, Number.POSITIVE_INFINITY);
});
