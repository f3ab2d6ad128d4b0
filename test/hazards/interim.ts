/** Informational responses and Expect (RFC 9110 §10.1.1, §15.2). */
import assert from 'node:assert/strict';
import { type Hazard, message, ok, stage, type Target } from './hazard.ts';

const expecting = (path: string, ...lines: string[]) =>
  message(`POST ${path}`, 'expect: 100-continue', 'content-length: 4', ...lines);

/** The informational responses that a client of `version` is given before the final one. */
async function informed(target: Target, answer: string, version = '1.1'): Promise<string[]> {
  const { connect } = await stage(target, answer);
  const client = await connect();
  await client.send(message(`GET /v1/x HTTP/${version}`));
  const heads: string[] = [];
  for (;;) {
    const { startLine, raw } = await client.head();
    if (!/ 1\d\d /.test(startLine)) {
      assert.match(startLine, / 200 /);
      return heads;
    }
    heads.push(raw.toLowerCase());
  }
}

/** See the module. */
export const interim: readonly Hazard[] = [
  {
    name: 'Expect: 100-continue is answered once, and the request goes on with the key and without the field',
    native: 'fails',
    async run(target) {
      const { upstream, connect } = await stage(target, ok);
      const client = await connect();
      await client.send(expecting('/v1/x', 'authorization: Bearer of-the-client'));
      assert.match((await client.head()).startLine, / 100 /);
      await client.send('body');
      assert.equal((await client.response()).status, 200);
      assert.equal(client.received.toString().match(/HTTP\/1\.1 100/g)?.length, 1);
      const [seen] = upstream.exchanges;
      assert.equal((await seen?.body)?.toString(), 'body');
      assert.equal(seen?.head.get('expect'), undefined);
      assert.match(seen?.head.raw ?? '', /authorization: Bearer key-of-the-provider\r\n/i);
      assert.ok(!seen?.head.raw.includes('of-the-client'));
    },
  },
  {
    name: 'a client that expects 100-continue and sends at once is served all the same',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      assert.equal((await ask(`${expecting('/v1/x')}body`)).status, 200);
      assert.equal((await upstream.exchanges[0]?.body)?.toString(), 'body');
    },
  },
  {
    name: 'an expectation that nobody knows is a 417 and reaches no upstream',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      assert.equal((await ask(message('POST /v1/x', 'expect: 200-maybe', 'content-length: 0'))).status, 417);
      assert.equal(upstream.exchanges.length, 0);
    },
  },
  {
    name: '102 goes on to the client',
    native: 'fails',
    async run(target) {
      assert.equal((await informed(target, `HTTP/1.1 102 Processing\r\n\r\n${ok}`)).length, 1);
    },
  },
  {
    name: '103 goes on to the client, each with its fields',
    native: 'fails',
    async run(target) {
      const hint = (link: string) => `HTTP/1.1 103 Early Hints\r\nlink: <${link}>; rel=preload\r\nx-hint: 1\r\n\r\n`;
      const heads = await informed(target, hint('/a') + hint('/b') + ok);
      assert.equal(heads.length, 2);
      assert.match(heads[0] ?? '', /link: <\/a>; rel=preload\r\n/);
      assert.match(heads[1] ?? '', /link: <\/b>; rel=preload\r\n/);
      assert.match(heads[0] ?? '', /x-hint: 1\r\n/);
    },
  },
  {
    name: '103 leaves before the final answer is there',
    native: 'fails',
    async run(target) {
      const { upstream, connect } = await stage(target, 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n');
      const client = await connect();
      await client.send(message('GET /v1/x'));
      assert.match((await client.head()).startLine, / 103 /);
      await (await upstream.nextExchange()).write(ok);
      assert.equal((await client.response()).status, 200);
    },
  },
  {
    name: 'an HTTP/1.0 client is sent no informational response',
    native: 'passes',
    async run(target) {
      const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n';
      assert.deepEqual(await informed(target, hint + ok, '1.0'), []);
    },
  },
  {
    name: 'a 100 that nobody asked for does not cost the answer',
    native: 'passes',
    async run(target) {
      await informed(target, `HTTP/1.1 100 Continue\r\n\r\n${ok}`);
    },
  },
  {
    name: 'a 101 that nobody asked for is a 502',
    native: 'fails',
    async run(target) {
      const switched = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n';
      const { upstream, ask } = await stage(target, switched);
      assert.equal((await ask(message('GET /v1/x'))).status, 502);
      await upstream.exchanges[0]?.closed;
    },
  },
];
