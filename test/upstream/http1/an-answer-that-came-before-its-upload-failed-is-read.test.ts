/**
 * An upstream that answers an upload early and closes: what of its answer is in the kernel when the next piece cannot be
 * written is read before the connection is given up. The upstream is a thread of its own, which does all that while ours
 * looks away, so that the write comes before the read, whatever the machine's load.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { HeaderLines } from '../../../src/http/headers.ts';
import { ask, startPool } from './pooled.ts';

/** Answers the first request once it is told to, and closes, `how`: behind a FIN, or at once; answers others as they come. */
const upstream = `
const { createServer } = require('node:net');
const { workerData: { answer, how, flags }, parentPort } = require('node:worker_threads');
const said = () => { Atomics.store(flags, 0, 1); Atomics.notify(flags, 0); };
let connections = 0;
const server = createServer({ pauseOnConnect: true }, (socket) => {
  socket.on('error', () => {});
  if (++connections > 1) {
    socket.resume().write('HTTP/1.1 200 OK\\r\\ncontent-length: 6\\r\\n\\r\\nsecond');
    return;
  }
  // What was not read makes the close a reset.
  const close = () => { socket.destroy(); setImmediate(said); };
  Atomics.wait(flags, 1, 0);
  if (how === 'fin') socket.end(answer, 'latin1', close);
  else socket.write(answer, 'latin1', close);
}).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

interface Heard {
  readonly body: string;
  readonly end: string;
}

/** An upstream that says `answer`, and a pool of one connection before it. */
async function start(t: TestContext, answer: string, how: 'fin' | 'rst') {
  const flags = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(upstream, { eval: true, workerData: { answer, how, flags } });
  t.after(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  const pool = startPool(t, port);
  /** Uploads in two pieces; `second` sends the other one when all of the answer has come and nothing of it was read. */
  const upload = async (headers: HeaderLines, second: (body: PassThrough) => void): Promise<Heard> => {
    const body = new PassThrough();
    let pieces = 0;
    const bodySent = () => {
      if (++pieces > 1) return;
      // In a turn of its own, with the reads of this one behind it.
      setImmediate(() => {
        Atomics.store(flags, 1, 1);
        Atomics.notify(flags, 1);
        assert.notEqual(Atomics.wait(flags, 0, 0, 5_000), 'timed-out');
        second(body);
      });
    };
    let heard = '';
    const data = (_: unknown, bytes: Buffer) => {
      heard += bytes.toString('latin1');
    };
    const asked = ask(pool, { message: { method: 'POST', headers, body }, bodySent, data });
    body.write('first.');
    const end = await asked.then(
      () => 'whole',
      (error: Error) => error.message,
    );
    return { body: heard, end };
  };
  return { pool, upload };
}

async function upload(t: TestContext, answer: string, how: 'fin' | 'rst', headers: HeaderLines): Promise<Heard> {
  return (await start(t, answer, how)).upload(headers, (body) => body.write('second'));
}

const sizedUpload = new HeaderLines(['content-length', '1000']);
const framings = [new HeaderLines(), sizedUpload];
const sized = 'HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\n';
const untilClose = 'HTTP/1.1 413 Content Too Large\r\n\r\n';

test('a whole answer is heard, whether its upstream ended its side or reset', async (t) => {
  for (const headers of framings) {
    for (const how of ['fin', 'rst'] as const) {
      assert.deepEqual(await upload(t, `${sized}too large`, how, headers), { body: 'too large', end: 'whole' });
    }
    assert.deepEqual(await upload(t, `${untilClose}too large`, 'fin', headers), { body: 'too large', end: 'whole' });
  }
});

test('an answer that is not whole is not taken for one, and what there is of it is heard', async (t) => {
  for (const headers of framings) {
    for (const how of ['fin', 'rst'] as const) {
      const { body, end } = await upload(t, `${sized}too`, how, headers);
      assert.equal(body, 'too');
      assert.match(end, /^the connection (?:was closed|failed)/);
    }
    // A reset is no end: what was to come behind it nobody knows.
    const { body, end } = await upload(t, `${untilClose}too`, 'rst', headers);
    assert.equal(body, 'too');
    assert.match(end, /^the connection failed/);
  }
});

test('no answer, and one that is no HTTP, fail', async (t) => {
  for (const how of ['fin', 'rst'] as const) {
    const none = await upload(t, '', how, sizedUpload);
    assert.match(none.end, /^the connection (?:was closed|failed)/);
    const garbage = await upload(t, 'SSH-2.0-x\r\n\r\n', how, sizedUpload);
    assert.match(garbage.end, /not an HTTP/);
  }
});

test('an answer of several reads is heard whole', async (t) => {
  const body = 'x'.repeat(40_000);
  const answer = `HTTP/1.1 413 Content Too Large\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const heard = await upload(t, answer, 'fin', sizedUpload);
  assert.deepEqual([heard.body.length, heard.end], [body.length, 'whole']);
});

test('a connection that took not even the end of an upload gets no other request', async (t) => {
  // Behind the answer lies what would be taken for one to the next request.
  const answer = `${sized}too large${'HTTP/1.1 408 Request Timeout\r\ncontent-length: 6\r\n\r\nnobody'}`;
  for (const how of ['fin', 'rst'] as const) {
    // One that ends where a read does, too.
    const full = 'HTTP/1.1 413 Content Too Large\r\ncontent-length: 16000\r\nx: ';
    const fill = 'f'.repeat(16 * 1024 - full.length - 4 - 16_000);
    const first = `${full}${fill}\r\n\r\n${'x'.repeat(16_000)}`;
    for (const all of [answer, first + answer.slice(sized.length + 9)]) {
      const { pool, upload } = await start(t, all, how);
      const uploaded = upload(new HeaderLines(), (body) => body.end());
      const next = ask(pool);
      assert.equal((await uploaded).end, 'whole');
      assert.equal(await next, 'second');
    }
  }
});
