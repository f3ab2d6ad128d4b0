/** Upstreams that do not speak HTTP, or speak it badly: a 502 of ours, no hang, no crash, and no answer to the wrong request. */
import assert from 'node:assert/strict';
import { type Hazard, message, ok, stage, type Target } from './hazard.ts';

/** 502, and the proxy serves on. */
function badGateway(answer: string) {
  return async (target: Target) => {
    const { ask } = await stage(target, ({ url, write }) => void write(url === '/v1/next' ? ok : answer));
    assert.equal((await ask(message('GET /v1/x'))).status, 502);
    assert.equal((await ask(message('GET /v1/next'))).status, 200);
  };
}

/** Passed on as it is, and the proxy serves on. */
function passedOn(answer: string, startLine: string) {
  return async (target: Target) => {
    const { ask } = await stage(target, ({ url, write }) => void write(url === '/v1/next' ? ok : answer));
    assert.equal((await ask(message('GET /v1/x'))).head.startLine, startLine);
    assert.equal((await ask(message('GET /v1/next'))).status, 200);
  };
}

const head = (line: string) => `HTTP/1.1 200 OK\r\n${line}\r\ncontent-length: 2\r\n\r\nok`;

/** See the module. */
export const garbage: readonly Hazard[] = [
  { name: 'an upstream that speaks something else is a 502', native: 'passes', run: badGateway('SSH-2.0-x\r\n\r\n') },
  { name: 'an upstream that sends binary is a 502', native: 'passes', run: badGateway('\x16\x03\x01\0\0\r\n\r\n') },
  {
    name: 'status 099 is a 502',
    native: 'fails',
    run: badGateway('HTTP/1.1 099 No\r\ncontent-length: 0\r\n\r\n'),
  },
  {
    name: 'a status of four digits is a 502',
    native: 'passes',
    run: badGateway('HTTP/1.1 2000 No\r\ncontent-length: 0\r\n\r\n'),
  },
  {
    name: 'status 999 is the upstream’s own affair',
    native: 'passes',
    run: passedOn('HTTP/1.1 999 Strange\r\ncontent-length: 0\r\n\r\n', 'HTTP/1.1 999 Strange'),
  },
  {
    name: 'a reason phrase goes on as it came',
    native: 'passes',
    run: passedOn('HTTP/1.1 200 Quite all right\r\ncontent-length: 0\r\n\r\n', 'HTTP/1.1 200 Quite all right'),
  },
  { name: 'a header line without a colon is a 502', native: 'passes', run: badGateway(head('nonsense')) },
  { name: 'NUL in a value of the upstream is a 502', native: 'passes', run: badGateway(head('a: b\0c')) },
  { name: 'a bare CR in a value of the upstream is a 502', native: 'passes', run: badGateway(head('a: b\rc: d')) },
  { name: 'a space before the upstream’s colon is a 502', native: 'passes', run: badGateway(head('a : b')) },
  {
    name: 'Trailer beside Content-Length harms nobody',
    native: 'fails',
    run: passedOn(head('Trailer: x-sum'), 'HTTP/1.1 200 OK'),
  },
  {
    name: 'a folded line of the upstream is unfolded or a 502, never passed on',
    native: 'passes',
    async run(target) {
      const { connect } = await stage(target, head('a: one\r\n two'));
      const client = await connect();
      await client.send(message('GET /v1/x'));
      const { status, head: answered } = await client.response();
      assert.ok(status === 502 || answered.get('a') === 'one two', `${status}`);
      assert.ok(!client.received.includes('\r\n two'));
    },
  },
  {
    name: 'more header than is taken is a 502',
    native: 'passes',
    run: badGateway(head(`a: ${'x'.repeat(300_000)}`)),
  },
  {
    name: 'an answer that nobody has asked for is not the next request’s',
    native: 'passes',
    async run(target) {
      const { upstream, ask } = await stage(target, ok);
      await ask(message('GET /v1/x'));
      const { socket, closed } = await upstream.nextExchange();
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison');
      await closed;
      assert.equal((await ask(message('GET /v1/next'))).body.toString(), 'ok');
    },
  },
];
