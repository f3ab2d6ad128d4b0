import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChunkedDecoder } from './http-message.ts';
import { connectRaw } from './raw-client.ts';
import { startRawUpstream } from './raw-upstream.ts';
import { SseReader } from './sse-reader.ts';

test('requests are read by length and by chunks, several on one connection', async () => {
  const upstream = await startRawUpstream(async ({ write, body, method }) => {
    await write(
      `HTTP/1.1 200 OK\r\ncontent-length: ${method.length + (await body).length}\r\n\r\n${method}${await body}`,
    );
  });
  const client = await connectRaw(upstream.url);
  await client.send(
    'POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcPUT /b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n',
  );
  await client.send('2;x=y\r\nde\r\n1\r\nf\r\n0\r\nx-trailer: 1\r\n\r\nGET /c HTTP/1.1\r\n\r\n');
  const bodies = [await client.response(), await client.response(), await client.response()].map((r) => `${r.body}`);
  assert.deepEqual(bodies, ['POSTabc', 'PUTdef', 'GET']);
  assert.deepEqual(
    upstream.exchanges.map(({ index, connection }) => [index, connection]),
    [
      [0, 0],
      [1, 0],
      [2, 0],
    ],
  );
  assert.equal(upstream.connections, 1);
});

test('a chunked answer is decoded while it comes, its frames kept', async () => {
  const upstream = await startRawUpstream(async ({ write, end }) => {
    await write(
      'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n4\r\ndata',
    );
    await write('\r\n5\r\n: 2\n\n\r\n0\r\n\r\n');
    end();
  });
  const client = await connectRaw(upstream.url);
  await client.send('GET / HTTP/1.1\r\n\r\n');
  assert.equal((await client.head()).startLine, 'HTTP/1.1 103 Early Hints');
  const head = await client.head();
  assert.equal(head.get('transfer-encoding'), 'chunked');
  const events = await new SseReader(client.bodyReads(head)).all();
  assert.deepEqual(
    events.map((event) => event.data),
    ['1', '2'],
  );
  assert.equal((await client.closed).by, 'fin');
  assert.match(client.received.toString(), /9\r\ndata: 1\n\n\r\n/);
});

test('FIN and RST are told apart, and a cut body is not whole', async () => {
  const cut = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc';
  const endings = { fin: false, reset: true };
  for (const [by, reset] of Object.entries(endings)) {
    const upstream = await startRawUpstream(async (exchange) => {
      await exchange.write(cut);
      if (reset) exchange.reset();
      else exchange.end();
    });
    const client = await connectRaw(upstream.url);
    await client.send('GET / HTTP/1.1\r\n\r\n');
    assert.equal((await client.closed).by, by);
    if (!reset) {
      const response = await client.response();
      assert.deepEqual([response.complete, response.body.toString()], [false, 'abc']);
    }
  }
});

test('the upstream sees how its client leaves, and may answer before the body is there', async () => {
  const upstream = await startRawUpstream(() => undefined, { on: 'head' });
  for (const by of ['fin', 'reset'] as const) {
    const client = await connectRaw(upstream.url);
    await client.send('POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n12');
    const exchange = await upstream.nextExchange();
    if (by === 'fin') client.end();
    else client.reset();
    assert.equal((await exchange.closed).by, by);
    await assert.rejects(exchange.body, /ended in the body/);
  }
});

test('a script that throws is not taken for a stall', async () => {
  const upstream = await startRawUpstream(() => {
    throw new Error('broken script');
  });
  const client = await connectRaw(upstream.url);
  await client.send('GET / HTTP/1.1\r\n\r\n');
  await upstream.nextExchange();
  await assert.rejects(upstream.nextExchange(), /broken script/);
});

test('events are found wherever the bytes are split and however lines end', async () => {
  const raws = [': hello\n\n', 'event: a\ndata: ü1\ndata: 2\n\n', 'data: 3\r\n\r\n', 'data: 4\r\r', 'data:5\n\n'];
  const expected = [
    ['message', ''],
    ['a', 'ü1\n2'],
    ['message', '3'],
    ['message', '4'],
    ['message', '5'],
  ].map(([event, data], index) => ({ event, data, raw: raws[index] }));
  const bytes = Buffer.from(`${raws.join('')}rest`);
  for (let at = 0; at <= bytes.length; at++) {
    const reader = new SseReader(split(bytes, at));
    const events = await reader.all();
    assert.deepEqual(
      events.map(({ event, data, raw }) => ({ event, data, raw: raw.toString() })),
      expected,
    );
    assert.equal(reader.rest.toString(), 'rest');
  }
});

test('a chunked body is decoded wherever its bytes are split', () => {
  const bytes = Buffer.from('3;a=b\r\nab\n\r\nA\r\n0123456789\r\n0\r\nx-trailer: yes\r\n\r\nnext');
  for (let at = 0; at <= bytes.length; at++) {
    const decoder = new ChunkedDecoder();
    const chunks = [...decoder.push(bytes.subarray(0, at)), ...decoder.push(bytes.subarray(at))];
    assert.deepEqual(chunks.map(String), ['ab\n', '0123456789']);
    assert.equal(decoder.trailers?.get('X-Trailer'), 'yes');
    assert.equal(decoder.rest.toString(), 'next');
  }
  assert.throws(() => new ChunkedDecoder().push(Buffer.from('zz\r\n')), /malformed chunk size: "zz"/);
  assert.throws(() => new ChunkedDecoder().push(Buffer.from('1\r\nabc\r\n')), /longer than its size/);
});

async function* split(bytes: Buffer, at: number): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, at);
  yield bytes.subarray(at);
}
