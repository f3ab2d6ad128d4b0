/** Methods and request targets (RFC 9110 §7, §9; RFC 9112 §3.2): what goes on, as what, and what is answered here. */
import assert from 'node:assert/strict';
import { type Hazard, message, ok, stage, type Target } from './hazard.ts';

/** Sends one request and says what the upstream was asked for, if it was. */
async function seen(target: Target, request: string): Promise<{ status: number; asked: string | undefined }> {
  const { upstream, ask } = await stage(target, ok);
  const { status } = await ask(request);
  return { status, asked: upstream.exchanges[0]?.head.startLine };
}

function goesOnAs(sent: string, url: string) {
  return async (target: Target) => {
    const { status, asked } = await seen(target, message(`GET ${sent}`));
    assert.deepEqual({ status, asked }, { status: 200, asked: `GET ${url} HTTP/1.1` });
  };
}

function answeredHere(request: string, statuses: readonly number[]) {
  return async (target: Target) => {
    const { status, asked } = await seen(target, request);
    assert.equal(asked, undefined);
    assert.ok(statuses.includes(status), `${status}`);
  };
}

/** See the module. */
export const targets: readonly Hazard[] = [
  { name: 'TRACE is refused', native: 'fails', run: answeredHere(message('TRACE /v1/x'), [405]) },
  {
    name: 'CONNECT is refused',
    native: 'fails',
    run: answeredHere(message('CONNECT 127.0.0.1:443', 'host: 127.0.0.1:443'), [400, 405]),
  },
  {
    name: 'OPTIONS with Max-Forwards: 0 is answered here',
    native: 'fails',
    run: answeredHere(message('OPTIONS /v1/x', 'max-forwards: 0'), [200, 204]),
  },
  {
    name: 'OPTIONS with Max-Forwards goes on with one less',
    native: 'fails',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      await ask(message('OPTIONS /v1/x', 'max-forwards: 5'));
      assert.deepEqual(upstream.exchanges[0]?.head.getAll('max-forwards'), ['4']);
    },
  },
  {
    name: 'Max-Forwards of another method is nobody’s business',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      assert.equal((await ask(message('GET /v1/x', 'max-forwards: 0'))).status, 200);
      assert.equal(upstream.exchanges[0]?.method, 'GET');
    },
  },
  {
    name: 'a method that is not known well goes on',
    native: 'passes',
    async run(target) {
      const { asked } = await seen(target, message('PROPFIND /v1/x'));
      assert.equal(asked, 'PROPFIND /v1/x HTTP/1.1');
    },
  },
  {
    name: 'the absolute form overrides Host and goes on in origin form',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      await ask(message('GET http://elsewhere.test/v1/x?y=1', 'host: other.test'));
      const [exchange] = upstream.exchanges;
      assert.equal(exchange?.head.startLine, 'GET /v1/x?y=1 HTTP/1.1');
      assert.deepEqual(exchange.head.getAll('host'), [`127.0.0.1:${upstream.port}`]);
    },
  },
  { name: 'dot segments are resolved once', native: 'passes', run: goesOnAs('/v1/a/./b/../c', '/v1/a/c') },
  {
    name: 'dot segments that leave the route are refused',
    native: 'fails',
    run: answeredHere(message('GET /v1/../admin'), [400, 404]),
  },
  {
    name: 'encoded dot segments that leave the route are refused',
    native: 'fails',
    run: answeredHere(message('GET /v1/%2e%2E/admin'), [400, 404]),
  },
  {
    name: 'dot segments above the root are refused',
    native: 'fails',
    run: answeredHere(message('GET /../v1/x'), [400, 404]),
  },
  { name: 'a backslash is refused', native: 'fails', run: answeredHere(message('GET /v1\\..\\admin'), [400, 404]) },
  { name: 'encoded slashes stay encoded', native: 'passes', run: goesOnAs('/v1/a%2Fb%2f..', '/v1/a%2Fb%2f..') },
  { name: 'empty segments stay', native: 'passes', run: goesOnAs('/v1//a//', '/v1//a//') },
  {
    name: 'every byte of path and query goes on as it came',
    native: 'fails',
    run: goesOnAs('/v1/a;b=1/"<>`{|}^/%7e?q=%20%2f&&x=a+b?c="\'<>', '/v1/a;b=1/"<>`{|}^/%7e?q=%20%2f&&x=a+b?c="\'<>'),
  },
  {
    name: 'bytes beyond ASCII in the target are refused, not encoded anew',
    native: 'passes',
    run: answeredHere(message('GET /v1/caf\xc3\xa9'), [400]),
  },
  {
    name: 'a request without Host is refused',
    native: 'passes',
    run: answeredHere('GET /v1/x HTTP/1.1\r\n\r\n', [400]),
  },
  {
    name: 'a request with two Hosts is refused',
    native: 'fails',
    run: answeredHere(message('GET /v1/x', 'host: a.test', 'host: b.test'), [400]),
  },
  {
    name: 'an asterisk goes to no upstream',
    native: 'fails',
    run: answeredHere(message('OPTIONS *'), [200, 204, 400]),
  },
  {
    name: 'Via is added behind those that are there',
    native: 'fails',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      await ask(message('GET /v1/x', 'via: 1.0 fred'));
      assert.match(upstream.exchanges[0]?.head.getAll('via').join(', ') ?? '', /^1\.0 fred, 1\.1 \S+$/);
    },
  },
  {
    name: 'a request that comes back is a loop',
    native: 'fails',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      await ask(message('GET /v1/x'));
      const via = upstream.exchanges[0]?.head.get('via');
      assert.equal((await ask(message('GET /v1/x', `via: 1.1 other, ${via}`))).status, 508);
      assert.equal(upstream.exchanges.length, 1);
    },
  },
  {
    name: 'a 421 is the upstream’s to send, never the proxy’s',
    native: 'passes',
    async run(target) {
      const { ask } = await stage(target, 'HTTP/1.1 421 Misdirected\r\ncontent-length: 4\r\n\r\nidea');
      const answer = await ask(message('GET /v1/x', 'host: nobody.test'));
      assert.deepEqual([answer.status, answer.body.toString()], [421, 'idea']);
    },
  },
];
