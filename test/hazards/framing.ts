/** Where a response ends (RFC 9112 §6.3), for each method, status and version, and what the client may read after it. */
import assert from 'node:assert/strict';
import type { RawClient } from '../support/raw-client.ts';
import { chunk, type Hazard, message, ok, responsesIn, stage, type Target } from './hazard.ts';

/** Answers the first request with `answer` and the second with {@link ok}; both must be read where they begin. */
function thenAnother(method: string, answer: string, check: (head: string, client: RawClient) => void) {
  return async (target: Target) => {
    const answers = [answer, ok];
    const { connect } = await stage(target, (exchange) => void exchange.write(answers.shift() ?? ok));
    const client = await connect();
    await client.send(message(`${method} /v1/x`));
    const { raw } = await client.head();
    check(raw.toLowerCase(), client);
    await client.send(message('GET /v1/next'));
    const next = await client.response();
    assert.equal(next.status, 200);
    assert.equal(next.body.toString(), 'ok');
  };
}

/** The upstream's framing contradicts itself: 502, or the reading that RFC 9112 §6.3 prescribes, never both fields. */
function refusedOrChunked(head: string) {
  return async (target: Target) => {
    const { ask } = await stage(target, `HTTP/1.1 200 OK\r\n${head}\r\n\r\n${chunk('body')}${chunk('')}`);
    const response = await ask(message('GET /v1/x'));
    if (response.status === 502) return;
    assert.equal(response.body.toString(), 'body');
    assert.equal(response.head.get('content-length'), undefined);
  };
}

function isBadGateway(head: string, body = 'body') {
  return async (target: Target) => {
    const { ask } = await stage(target, `HTTP/1.1 200 OK\r\n${head}\r\n\r\n${body}`);
    assert.equal((await ask(message('GET /v1/x'))).status, 502);
  };
}

/** See the module. */
export const framing: readonly Hazard[] = [
  {
    name: 'the answer to HEAD keeps its Content-Length and has no body',
    native: 'passes',
    run: thenAnother('HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n', (head) =>
      assert.match(head, /content-length: 10\r\n/),
    ),
  },
  {
    name: '204 has no body',
    native: 'passes',
    run: thenAnother('GET', 'HTTP/1.1 204 No Content\r\n\r\n', (head) => assert.match(head, / 204 /)),
  },
  {
    name: '204 loses a Content-Length that it must not have',
    native: 'fails',
    run: thenAnother('GET', 'HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n', (head) => {
      assert.match(head, / 204 /);
      assert.ok(!/content-length|transfer-encoding/.test(head));
    }),
  },
  {
    name: '304 has no body, whatever its Content-Length says',
    native: 'passes',
    run: thenAnother('GET', 'HTTP/1.1 304 Not Modified\r\netag: "a"\r\ncontent-length: 10\r\n\r\n', (head) => {
      assert.match(head, / 304 [\s\S]*etag: "a"\r\n/);
      assert.ok(!head.includes('transfer-encoding'));
    }),
  },
  {
    name: 'a Content-Length stays one, and a chunked body stays chunked',
    native: 'passes',
    async run(target) {
      const answers = [ok, `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk('ok')}${chunk('')}`];
      const { ask } = await stage(target, (exchange) => void exchange.write(answers.shift() ?? ''));
      const counted = (await ask(message('GET /v1/x'))).head;
      assert.deepEqual([counted.get('content-length'), counted.get('transfer-encoding')], ['2', undefined]);
      const chunked = (await ask(message('GET /v1/x'))).head;
      assert.deepEqual([chunked.get('content-length'), chunked.get('transfer-encoding')], [undefined, 'chunked']);
    },
  },
  {
    name: 'an answer that only the end of the connection ends is whole',
    native: 'passes',
    async run(target) {
      const { ask } = await stage(target, async ({ write, end }) => {
        await write('HTTP/1.0 200 OK\r\n\r\nall of it');
        end();
      });
      const response = await ask(message('GET /v1/x'));
      assert.equal(response.body.toString(), 'all of it');
      assert.equal(response.complete, true);
    },
  },
  {
    name: 'pipelined requests are answered in their order',
    native: 'passes',
    async run(target) {
      const { connect } = await stage(target, async ({ url, write }) => {
        if (url === '/v1/0') await new Promise((resolve) => setTimeout(resolve, 30));
        await write(`HTTP/1.1 200 OK\r\ncontent-length: ${url.length}\r\n\r\n${url}`);
      });
      const client = await connect();
      await client.send([0, 1, 2].map((n) => message(`GET /v1/${n}`)).join(''));
      for (const n of [0, 1, 2]) assert.equal((await client.response()).body.toString(), `/v1/${n}`);
      assert.equal(responsesIn(client), 3);
    },
  },
  {
    name: "the upstream's chunk extensions stay behind and its chunks are whole",
    native: 'passes',
    async run(target) {
      const answer = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4;secret="ext"\r\nbody\r\n0\r\n\r\n';
      const { connect } = await stage(target, answer);
      const client = await connect();
      await client.send(message('GET /v1/x'));
      assert.equal((await client.response()).body.toString(), 'body');
      assert.ok(!client.received.includes('secret'));
    },
  },
  {
    name: "an upstream's Content-Length beside Transfer-Encoding never goes on",
    native: 'passes',
    run: refusedOrChunked('content-length: 2\r\ntransfer-encoding: chunked'),
  },
  {
    name: "an upstream's two Content-Length are a 502",
    native: 'passes',
    run: isBadGateway('content-length: 4\r\ncontent-length: 2'),
  },
  { name: "an upstream's negative Content-Length is a 502", native: 'passes', run: isBadGateway('content-length: -4') },
  {
    name: "an upstream's chunk size beyond 64 bits never becomes a whole answer",
    native: 'passes',
    async run(target) {
      const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
      const { connect } = await stage(target, `${head}fffffffffffffffff\r\nbody`);
      const client = await connect();
      await client.send(message('GET /v1/x'));
      const response = await client.response().catch(() => undefined);
      assert.ok(response === undefined || response.status === 502 || !response.complete);
    },
  },
  {
    name: 'what an upstream sends beyond its Content-Length reaches nobody',
    native: 'passes',
    async run(target) {
      let first = true;
      const { connect } = await stage(target, (exchange) => {
        void exchange.write(first ? `${ok}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison` : ok);
        first = false;
      });
      const client = await connect();
      for (let i = 0; i < 3; i++) {
        await client.send(message('GET /v1/x'));
        assert.equal((await client.response()).body.toString(), 'ok');
      }
      assert.ok(!client.received.includes('poison'));
    },
  },
];
