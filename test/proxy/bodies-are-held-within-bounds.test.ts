import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import Type from 'typebox';
import { definePolicy } from '../../src/policy.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const BUSY = 'HTTP/1.1 500 Again\r\ncontent-length: 0\r\n\r\n';
const post = (bytes: number) => `POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n`;

/** Asks for another attempt after each 500. */
const retry = definePolicy({
  name: 'retry',
  summary: 'Repeats.',
  schema: Type.Object({}, { additionalProperties: false }),
  setup: () => ({
    attempt: () => ({ end: (result) => (result.kind === 'response' && result.status === 500 ? 'retry' : undefined) }),
  }),
});

/** Needs the whole body. */
const peek = definePolicy({
  name: 'peek',
  summary: 'Looks.',
  schema: Type.Object({}, { additionalProperties: false }),
  setup: () => ({ request: async (ctx) => void (await ctx.body.peek(1_000_000)) }),
});

async function attemptsFor(t: TestContext, bytes: number, server: object): Promise<number> {
  let first = true;
  const answer = () => {
    const text = first ? BUSY : OK;
    first = false;
    return text;
  };
  const upstream = await startRawUpstream((exchange) => void exchange.write(answer()), { t });
  const proxy = await startProxy(
    { upstream: upstream.url, policies: [{ policy: 'retry' }], extra: { server } },
    { t, policies: [retry] },
  );
  const client = await connectRaw(proxy.url);
  const body = Buffer.alloc(bytes, 'abcdefg');
  await client.send(post(bytes));
  await client.send(body);
  await client.response();
  for (const exchange of upstream.exchanges) assert.deepEqual(await exchange.body, body);
  return upstream.exchanges.length;
}

test('a body within server.replay_bytes is sent again, a longer one is not', async (t) => {
  assert.equal(await attemptsFor(t, 100_000, { replay_bytes: '200KiB' }), 2);
  assert.equal(await attemptsFor(t, 300_000, { replay_bytes: '200KiB' }), 1);
});

test('beyond server.held_bytes nothing is kept for a replay, and everything still arrives', async (t) => {
  assert.equal(await attemptsFor(t, 300_000, { replay_bytes: '1MiB', held_bytes: '100KiB' }), 1);
  assert.equal(await attemptsFor(t, 300_000, { replay_bytes: '1MiB', held_bytes: '1MiB' }), 2);
});

test('bodies that policies wait for are bounded in total; what is refused makes room again', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  const proxy = await startProxy(
    { upstream: upstream.url, policies: [{ policy: 'peek' }], extra: { server: { held_bytes: '512KiB' } } },
    { t, policies: [peek] },
  );
  const half = Buffer.alloc(300_000);
  const clients = await Promise.all([1, 2].map(() => connectRaw(proxy.url)));
  for (const client of clients) {
    await client.send(post(600_000));
    await client.send(half);
  }
  // Together they are too much: the one whose bytes came last is refused.
  const answer = await Promise.race(clients.map((client) => client.response()));
  assert.equal(answer.status, 503);
  assert.match(answer.body.toString(), /"code":"overloaded"/);
  const [line] = [await proxy.logged(({ msg }) => msg === 'exchange')];
  assert.equal(line.code, 'overloaded');
  for (const client of clients) client.reset();
  await proxy.logged(({ outcome }) => outcome === 'client_abort');
  assert.equal(
    (await fetch(`${proxy.url}/openai/x`, { method: 'POST', body: Buffer.alloc(400_000) })).status,
    200,
    'there is room again',
  );
});

test('the copy is let go with the first byte of the answer', async (t) => {
  const upstream = await startRawUpstream(
    (exchange) => void exchange.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'),
    { t },
  );
  const proxy = await startProxy(
    { upstream: upstream.url, extra: { server: { replay_bytes: '1MiB', held_bytes: '500KiB' } } },
    { t },
  );
  // Each is begun and never ended; were their copies kept, the last one's could not be.
  for (let i = 0; i < 5; i++) {
    const client = await connectRaw(proxy.url);
    await client.send(post(400_000));
    await client.send(Buffer.alloc(400_000));
    assert.match((await client.head()).startLine, / 200 /);
  }
  const held = await heldBytes(proxy);
  assert.equal(held, 0);
});

for (const how of ['reset', 'destroy'] as const) {
  test(`a client that leaves (${how}) while 5 MB of its body wait for an upstream that does not read is noticed`, async (t) => {
    const upstream = await startRawUpstream(() => {}, { t, on: 'head', onConnection: (socket) => socket.pause() });
    const proxy = await startProxy({ upstream: upstream.url }, { t });
    const client = await connectRaw(proxy.url);
    await client.send(post(20_000_000));
    client.socket.write(Buffer.alloc(5_000_000));
    // Until what the kernel holds for the client has gone over: a process that dies leaves nothing of it behind.
    while (client.socket.writableLength > 0) await once(client.socket, 'drain');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const left = performance.now();
    client[how]();
    const line = await proxy.logged(({ msg }) => msg === 'exchange');
    t.diagnostic(`${how}: noticed after ${(performance.now() - left).toFixed(1)} ms`);
    assert.ok(performance.now() - left < 250);
    assert.equal(line.outcome, 'client_abort');
  });
}

test('a reset is noticed although the upload is held back', async (t) => {
  const upstream = await startRawUpstream(() => {}, { t, on: 'head', onConnection: (socket) => socket.pause() });
  const proxy = await startProxy(
    { upstream: upstream.url, extra: { server: { max_peek_bytes: '128KiB', replay_bytes: '64KiB' } } },
    { t },
  );
  const client = await connectRaw(proxy.url);
  await client.send(post(50_000_000));
  client.socket.write(Buffer.alloc(50_000_000));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const left = performance.now();
  client.reset();
  await proxy.logged(({ msg }) => msg === 'exchange');
  t.diagnostic(`noticed after ${(performance.now() - left).toFixed(1)} ms`);
  assert.ok(performance.now() - left < 250);
});

async function heldBytes(proxy: Awaited<ReturnType<typeof startProxy>>): Promise<number> {
  return Number(/^sluice_held_body_bytes (\d+)$/m.exec(await proxy.metrics())?.[1]);
}
