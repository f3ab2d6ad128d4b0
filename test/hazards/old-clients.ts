/** Clients that speak HTTP/1.0 (RFC 9112 §7, §9.3): no chunks, and an end of the connection that they can trust. */
import assert from 'node:assert/strict';
import { chunk, type Hazard, message, ok, stage, type Target } from './hazard.ts';

/** Asks as an HTTP/1.0 client and reads to the end of the connection. */
async function asHttp10(target: Target, answer: string, ...lines: string[]): Promise<string> {
  const { connect } = await stage(target, answer);
  const client = await connect();
  await client.send(message('GET /v1/x HTTP/1.0', ...lines));
  assert.equal((await client.closed).by, 'fin');
  return client.received.toString('latin1');
}

/** See the module. */
export const oldClients: readonly Hazard[] = [
  {
    name: 'an HTTP/1.0 client gets an answer without chunks, and its end',
    native: 'passes',
    async run(target) {
      const text = await asHttp10(
        target,
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk('one')}${chunk('two')}${chunk('')}`,
      );
      assert.ok(!/transfer-encoding/i.test(text));
      assert.ok(text.endsWith('\r\n\r\nonetwo'));
    },
  },
  {
    name: 'an HTTP/1.0 client does not wait on a kept connection for an unknown length',
    native: 'fails',
    async run(target) {
      const answer = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk('one')}${chunk('')}`;
      const text = await asHttp10(target, answer, 'connection: keep-alive');
      assert.ok(!/connection: keep-alive/i.test(text));
      assert.ok(text.endsWith('\r\n\r\none'));
    },
  },
  {
    name: 'an HTTP/1.0 client that asks for it keeps its connection',
    native: 'passes',
    async run(target) {
      const { connect } = await stage(target, ok);
      const client = await connect();
      for (const path of ['/v1/a', '/v1/b']) {
        await client.send(message(`GET ${path} HTTP/1.0`, 'connection: keep-alive'));
        const response = await client.response();
        assert.match(response.head.get('connection') ?? '', /keep-alive/i);
        assert.equal(response.body.toString(), 'ok');
      }
    },
  },
];
