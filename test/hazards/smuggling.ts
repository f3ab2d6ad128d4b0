/** Framing on which two readers could disagree (RFC 9112 §6, §11.2): refused, or passed on as the one request that it is. */
import assert from 'node:assert/strict';
import { chunk, type Hazard, message, ok, responsesIn, stage, type Target } from './hazard.ts';

const evil = message('GET /v1/evil');

/** Refused with 400 before anything of it reaches the upstream; what follows is not read as another request. */
function refused(bytes: string) {
  return async (target: Target) => {
    const { upstream, connect } = await stage(target, ok);
    const client = await connect();
    await client.send(bytes);
    assert.equal((await client.response()).status, 400);
    await client.closed;
    assert.equal(responsesIn(client), 1);
    assert.deepEqual(
      upstream.exchanges.map((exchange) => exchange.head.startLine),
      [],
    );
  };
}

/** A body whose framing breaks is answered with 4xx, and the upstream is never given a whole request. */
function neverWhole(bytes: string) {
  return async (target: Target) => {
    const { upstream, connect, ask } = await stage(target, ok);
    const client = await connect();
    await client.send(bytes);
    const { status } = await client.response();
    assert.ok(status >= 400 && status < 500, `${status}`);
    await client.closed;
    assert.equal(responsesIn(client), 1);
    await ask(message('GET /v1/probe'));
    assert.deepEqual(
      upstream.exchanges.map((exchange) => exchange.url),
      ['/v1/probe'],
    );
  };
}

function chunkedBody(method: string) {
  return async (target: Target) => {
    const { upstream, connect } = await stage(target, ok);
    const client = await connect();
    await client.send(message(`${method} /v1/x`, 'transfer-encoding: chunked') + chunk(evil) + chunk(''));
    assert.equal((await client.response()).status, 200);
    await client.send(message('GET /v1/next'));
    await client.response();
    assert.deepEqual(
      upstream.exchanges.map((exchange) => exchange.head.startLine),
      [`${method} /v1/x HTTP/1.1`, 'GET /v1/next HTTP/1.1'],
    );
    assert.equal((await upstream.exchanges[0]?.body)?.toString(), evil);
  };
}

const post = (...lines: string[]) => message('POST /v1/x', ...lines);
const chunkedPost = (body: string) => post('transfer-encoding: chunked') + body;

/** See the module. */
export const smuggling: readonly Hazard[] = [
  {
    name: 'Content-Length beside Transfer-Encoding is refused',
    native: 'passes',
    run: refused(post('content-length: 5', 'transfer-encoding: chunked') + chunk('') + evil),
  },
  {
    name: 'two different Content-Length are refused',
    native: 'passes',
    run: refused(`${post('content-length: 3', 'content-length: 4')}abcd${evil}`),
  },
  {
    name: 'a list in one Content-Length is refused',
    native: 'passes',
    run: refused(`${post('content-length: 3, 3')}abc${evil}`),
  },
  {
    name: 'a Content-Length that is no number is refused',
    native: 'passes',
    run: refused(`${post('content-length: +3')}abc${evil}`),
  },
  { name: 'a chunked DELETE is one request, whole', native: 'fails', run: chunkedBody('DELETE') },
  { name: 'a chunked OPTIONS is one request, whole', native: 'fails', run: chunkedBody('OPTIONS') },
  { name: 'a chunked GET is one request, whole', native: 'passes', run: chunkedBody('GET') },
  {
    name: 'a folded header line is refused',
    native: 'passes',
    run: refused(message('GET /v1/x', 'a: one', ' transfer-encoding: chunked') + evil),
  },
  { name: 'a bare CR in a value is refused', native: 'passes', run: refused(message('GET /v1/x', 'a: b\rc: d')) },
  {
    name: 'a bare LF at the end of a line is refused',
    native: 'passes',
    run: refused('GET /v1/x HTTP/1.1\nhost: x\n\n'),
  },
  { name: 'NUL in a value is refused', native: 'passes', run: refused(message('GET /v1/x', 'a: b\0c')) },
  {
    name: 'a space before the colon is refused',
    native: 'passes',
    run: refused(post('transfer-encoding : chunked') + chunk('')),
  },
  {
    name: 'a final coding other than chunked is refused',
    native: 'passes',
    run: refused(post('transfer-encoding: chunked, gzip')),
  },
  {
    name: 'a coding that only looks like chunked is refused',
    native: 'passes',
    run: refused(post('transfer-encoding: xchunked')),
  },
  {
    name: 'chunked applied twice is refused',
    native: 'passes',
    run: refused(post('transfer-encoding: chunked, chunked') + chunk('')),
  },
  {
    name: 'Transfer-Encoding in HTTP/1.0 ends the connection',
    native: 'fails',
    async run(target) {
      const { upstream, connect } = await stage(target, ok);
      const client = await connect();
      const lines = ['connection: keep-alive', 'transfer-encoding: chunked'];
      await client.send(message('POST /v1/x HTTP/1.0', ...lines) + chunk('') + evil);
      await client.response();
      assert.equal(await client.chunk(), undefined);
      assert.ok(!upstream.received.flat().join('').includes('evil'));
    },
  },
  {
    name: 'chunk extensions stay behind',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      await ask(chunkedPost('4;secret="extension"\r\nbody\r\n0;last\r\n\r\n'));
      const [seen] = upstream.exchanges;
      assert.equal((await seen?.body)?.toString(), 'body');
      assert.ok(!upstream.received.flat().join('').includes('extension'));
    },
  },
  {
    name: 'chunk extensions have a bound',
    native: 'passes',
    run: neverWhole(chunkedPost(`4;${'x'.repeat(40_000)}\r\nbody\r\n0\r\n\r\n`)),
  },
  {
    name: 'a line feed within a chunk extension is refused',
    native: 'passes',
    run: neverWhole(chunkedPost(`4;a\nb\r\nbody\r\n0\r\n\r\n${evil}`)),
  },
  {
    name: 'a chunk size beyond 64 bits is refused',
    native: 'passes',
    run: neverWhole(chunkedPost('fffffffffffffffff\r\nbody\r\n0\r\n\r\n')),
  },
  {
    name: 'a negative chunk size is refused',
    native: 'passes',
    run: neverWhole(chunkedPost('-4\r\nbody\r\n0\r\n\r\n')),
  },
  {
    name: 'a chunk size with 0x is refused',
    native: 'passes',
    run: neverWhole(chunkedPost('0x4\r\nbody\r\n0\r\n\r\n')),
  },
  {
    name: 'a chunk longer than its size is refused',
    native: 'passes',
    run: neverWhole(chunkedPost('3\r\nbody\r\n0\r\n\r\n')),
  },
];
