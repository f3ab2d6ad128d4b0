/** Header fields go on as they came: each line, its order, its case, its bytes (RFC 9110 §5; law 1). */
import assert from 'node:assert/strict';
import { type Hazard, message, ok, stage } from './hazard.ts';

const withLines = (...lines: string[]) => `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\ncontent-length: 2\r\n\r\nok`;

/** See the module. */
export const headers: readonly Hazard[] = [
  {
    name: 'many Set-Cookie stay lines of their own, in order',
    native: 'passes',
    async run(target) {
      const cookies = Array.from({ length: 60 }, (_, n) => `c${n}=${n}; Path=/; Expires=Wed, 01 Jan 2031 00:00:00 GMT`);
      const { ask } = await stage(target, withLines(...cookies.map((cookie) => `Set-Cookie: ${cookie}`)));
      assert.deepEqual((await ask(message('GET /v1/x'))).head.getAll('set-cookie'), cookies);
    },
  },
  {
    name: 'request lines of one name keep their order, case and place',
    native: 'fails',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      const lines = ['X-Beta: one', 'X-Between: 1', 'x-beta: two', 'X-BETA: three'];
      await ask(message('GET /v1/x', ...lines));
      const seen = upstream.exchanges[0]?.head.lines.filter(([name]) => /^x-be/i.test(name));
      assert.deepEqual(
        seen?.map(([name, value]) => `${name}: ${value}`),
        lines,
      );
    },
  },
  {
    name: 'response lines of one name keep their order, case and place',
    native: 'fails',
    async run(target) {
      const lines = ['X-Beta: one', 'X-Between: 1', 'x-beta: two', 'X-BETA: three'];
      const { ask } = await stage(target, withLines(...lines));
      const seen = (await ask(message('GET /v1/x'))).head.lines.filter(([name]) => /^x-be/i.test(name));
      assert.deepEqual(
        seen.map(([name, value]) => `${name}: ${value}`),
        lines,
      );
    },
  },
  {
    name: 'a request with 64 KB of header goes on whole',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok, { maxHeaderBytes: 128 * 1024 });
      const value = 'v'.repeat(65_000);
      assert.equal((await ask(message('GET /v1/x', `x-large: ${value}`))).status, 200);
      assert.equal(upstream.exchanges[0]?.head.get('x-large'), value);
    },
  },
  {
    name: 'a response with 64 KB of header goes on whole',
    native: 'passes',
    async run(target) {
      const value = 'v'.repeat(65_000);
      const { ask } = await stage(target, withLines(`x-large: ${value}`), { maxHeaderBytes: 128 * 1024 });
      const response = await ask(message('GET /v1/x'));
      assert.equal(response.status, 200);
      assert.equal(response.head.get('x-large'), value);
    },
  },
  {
    name: 'a request with more header than is taken is a 431',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      assert.equal((await ask(message('GET /v1/x', `x-large: ${'v'.repeat(40_000)}`))).status, 431);
      assert.equal(upstream.exchanges.length, 0);
    },
  },
  {
    name: 'of very many header lines none is lost silently',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok, { maxHeaderBytes: 128 * 1024 });
      const { status } = await ask(message('GET /v1/x', ...Array<string>(3000).fill('a:b'), 'x-last: 1'));
      if (status === 200) assert.equal(upstream.exchanges[0]?.head.get('x-last'), '1');
      else assert.ok(status === 431 || status === 400, `${status}`);
    },
  },
  {
    name: 'bytes beyond ASCII in values go on as they came, both ways',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, withLines('x-latin: \xe9\xff\x80'));
      const response = await ask(message('GET /v1/x', 'x-latin: \xe9\xff\x80'));
      assert.equal(response.head.get('x-latin'), '\xe9\xff\x80');
      assert.equal(upstream.exchanges[0]?.head.get('x-latin'), '\xe9\xff\x80');
    },
  },
  {
    name: 'a missing Date is added',
    native: 'passes',
    async run(target) {
      const { ask } = await stage(target, ok);
      const date = (await ask(message('GET /v1/x'))).head.get('date');
      assert.ok(Math.abs(Date.parse(date ?? '') - Date.now()) < 60_000, date);
    },
  },
  {
    name: 'a Date that is there stays',
    native: 'passes',
    async run(target) {
      const { ask } = await stage(target, withLines('Date: Tue, 15 Nov 1994 08:12:31 GMT'));
      const { head } = await ask(message('GET /v1/x'));
      assert.deepEqual(head.getAll('date'), ['Tue, 15 Nov 1994 08:12:31 GMT']);
    },
  },
  {
    name: 'Server-Timing and X-Accel-Buffering are left as they are',
    native: 'passes',
    async run(target) {
      const { ask } = await stage(target, withLines('Server-Timing: db;dur=53', 'X-Accel-Buffering: no'));
      const { head } = await ask(message('GET /v1/x'));
      assert.deepEqual(head.getAll('server-timing'), ['db;dur=53']);
      assert.deepEqual(head.getAll('x-accel-buffering'), ['no']);
      const { ask: askPlain } = await stage(target, ok);
      const plain = (await askPlain(message('GET /v1/x'))).head;
      assert.deepEqual([plain.get('server-timing'), plain.get('x-accel-buffering')], [undefined, undefined]);
    },
  },
  {
    name: 'a request gets no field that speaks for the client',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      await ask(message('GET /v1/x'));
      const head = upstream.exchanges[0]?.head;
      for (const name of ['accept', 'accept-encoding', 'user-agent', 'content-type', 'content-length']) {
        assert.equal(head?.get(name), undefined, name);
      }
    },
  },
  {
    name: 'the client’s own key and what identifies players stay behind',
    native: 'fails',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      const identifying = [
        'cookie: player=7',
        'forwarded: for=192.0.2.7',
        'x-forwarded-for: 192.0.2.7',
        'x-real-ip: 192.0.2.7',
      ];
      await ask(
        message('GET /v1/x', 'authorization: Bearer of-the-client', 'x-api-key: of-the-client', ...identifying),
      );
      const raw = upstream.exchanges[0]?.head.raw ?? '';
      assert.match(raw, /key-of-the-provider/);
      assert.ok(!/of-the-client|player=7|192\.0\.2\.7/.test(raw));
    },
  },
];
