/** A client that still sends when it is answered: it hears the answer, and where memory is scarce it is not read on. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import Type from 'typebox';
import { definePolicy } from '../../src/policy.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { startProxy } from '../support/start-proxy.ts';

const MiB = 1024 * 1024;
const post = (framing: string, path = '/openai/x') => `POST ${path} HTTP/1.1\r\nhost: x\r\n${framing}\r\n\r\n`;
/** More than the kernel holds for both ends of a connection. */
const large = 64 * MiB;
const few = 24 * MiB;

const refuse = definePolicy({
  name: 'refuse',
  summary: 'Refuses.',
  schema: Type.Object({}, { additionalProperties: false }),
  setup: () => ({ request: () => ({ kind: 'response', status: 403, body: 'no' }) }),
});

/** A proxy that refuses all, and a way to make memory scarce. */
async function start(t: TestContext) {
  const config = (memory: string) => ({
    upstream: 'http://127.0.0.1:9',
    policies: [{ policy: 'refuse' }],
    extra: { server: { shed: { memory } } },
  });
  const proxy = await startProxy(config('100%'), { t, policies: [refuse] });
  const makeScarce = async () => {
    // Whatever this process uses of its heap is more than this.
    await proxy.reload(config('0.01%'));
    await proxy.logged(({ msg }) => msg === 'memory is scarce: new requests are refused until it is not');
  };
  return { proxy, makeScarce };
}

/** Sends what is to be sent until it is cut off; returns how much the kernel took. */
async function pump(client: RawClient, most: number, piece: Buffer): Promise<number> {
  client.socket.on('error', () => undefined);
  let taken = 0;
  try {
    for (; taken < most; taken += piece.length) await client.send(piece);
  } catch {
    // It has been cut off.
  }
  return taken;
}

for (const framing of [`content-length: ${large}`, 'transfer-encoding: chunked']) {
  test(`where memory is scarce a refused upload is answered, ended and not read (${framing})`, async (t) => {
    const { proxy, makeScarce } = await start(t);
    await makeScarce();
    const client = await connectRaw(proxy.url, { t });
    await client.send(post(framing));
    const piece = framing.startsWith('content')
      ? Buffer.alloc(65_536, 'a')
      : Buffer.from(`8000\r\n${'a'.repeat(32_768)}\r\n`);
    const taken = pump(client, large, piece);
    const answer = await client.response();
    assert.equal(answer.status, 503);
    assert.ok(answer.complete);
    assert.match(answer.body.toString(), /"code":"overloaded"/);
    assert.equal(answer.head.get('connection'), 'close');
    assert.equal((await client.closed).by, 'fin', 'the end comes behind the answer');
    assert.ok((await taken) < few, `${await taken} bytes were taken`);
  });
}

test('where memory is scarce a body of one read is read, and its connection serves on', async (t) => {
  const { proxy, makeScarce } = await start(t);
  await makeScarce();
  const client = await connectRaw(proxy.url, { t });
  for (let i = 0; i < 3; i++) {
    await client.send(post('content-length: 40000'));
    const answer = await client.response();
    assert.equal(answer.status, 503);
    assert.notEqual(answer.head.get('connection'), 'close');
    await client.send(Buffer.alloc(40_000, 'a'));
  }
});

test('who is being read on when memory becomes scarce is read no more', async (t) => {
  const { proxy, makeScarce } = await start(t);
  const client = await connectRaw(proxy.url, { t });
  await client.send(post(`content-length: ${1024 * large}`));
  const answer = await client.response();
  assert.equal(`${answer.status} ${answer.body.toString()}`, '403 no');
  const piece = Buffer.alloc(65_536, 'a');
  assert.equal(await pump(client, large, piece), large, 'while there is memory it is read');
  await makeScarce();
  const taken = await pump(client, large, piece);
  assert.ok(taken < few, `${taken} bytes were taken`);
  assert.equal((await client.closed).by, 'fin');
});

test('a request that has no route is no reason to read on for longer, nor where memory is scarce', async (t) => {
  const { proxy, makeScarce } = await start(t);
  const start404 = async () => {
    const client = await connectRaw(proxy.url, { t });
    await client.send(post(`content-length: ${1024 * large}`, '/nowhere'));
    assert.equal((await client.response()).status, 404);
    return client;
  };
  const slow = await start404();
  slow.socket.on('error', () => undefined);
  const trickle = setInterval(() => slow.socket.write('a'), 50);
  t.after(() => clearInterval(trickle));
  const from = performance.now();
  await slow.closed;
  assert.ok(performance.now() - from < 5_000, 'it is cut off after two seconds');
  await makeScarce();
  const client = await start404();
  const taken = await pump(client, large, Buffer.alloc(65_536, 'a'));
  assert.ok(taken < few, `${taken} bytes were taken`);
  assert.equal((await client.closed).by, 'fin', 'the end comes behind the answer');
});
