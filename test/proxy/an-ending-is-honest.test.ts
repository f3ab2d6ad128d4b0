import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import OpenAI from 'openai';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const EVENT = 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
const PATHS: Record<string, string> = { openai: '/v1/chat/completions', anthropic: '/v1/messages', none: '/v1/x' };

type Fault = 'fin' | 'reset' | 'stall';

async function exchangeWith(t: TestContext, dialect: string, sent: string, fault: Fault) {
  const upstream = await startRawUpstream(
    (exchange) => {
      if (sent !== '') void exchange.write(sent);
      if (fault === 'fin') exchange.end();
      // A reset overtakes what has not been read yet: let it arrive first.
      else if (fault === 'reset') setTimeout(() => exchange.reset(), 30);
    },
    { t },
  );
  const proxy = await startProxy(
    { upstream: upstream.url, dialect, upstreamOptions: { timeouts: { first_byte: '150ms', idle: '150ms' } } },
    { t },
  );
  const client = await connectRaw(proxy.url);
  await client.send(`POST /${dialect}${PATHS[dialect]} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`);
  return { client, proxy };
}

for (const fault of ['fin', 'reset', 'stall'] as const) {
  test(`${fault} before the head is a 502 or 504 of ours`, async (t) => {
    const { client } = await exchangeWith(t, 'openai', '', fault);
    const response = await client.response();
    assert.equal(response.status, fault === 'stall' ? 504 : 502);
    assert.match(response.body.toString(), /"code":"upstream_(?:reset|first_byte_timeout)"/);
  });

  for (const dialect of ['openai', 'anthropic', 'none']) {
    test(`${fault} within an event destroys the connection (${dialect})`, async (t) => {
      const { client, proxy } = await exchangeWith(t, dialect, HEAD + chunk(`${EVENT}data: {"ha`), fault);
      await client.closed;
      assert.ok(!client.received.toString().includes('\r\n0\r\n'), 'no terminating chunk');
      const line = await proxy.logged(({ msg }) => msg === 'exchange');
      assert.equal(line.outcome, 'upstream_abort');
      assert.match(await proxy.metrics(), /sluice_stream_truncated_total\{upstream="\w+",phase="body"\} 1/);
    });

    test(`${fault} between two events ends with the dialect's error event, or destroys (${dialect})`, async (t) => {
      const { client, proxy } = await exchangeWith(t, dialect, HEAD + chunk(EVENT), fault);
      if (dialect === 'none') {
        await client.closed;
        assert.ok(!client.received.toString().includes('\r\n0\r\n'));
        return;
      }
      const text = (await client.response()).body.toString();
      assert.ok(text.startsWith(EVENT));
      assert.match(
        text.slice(EVENT.length),
        dialect === 'openai' ? /^data: \{"error":\{/ : /^event: error\ndata: \{"type":"error"/,
      );
      assert.ok(!text.includes('[DONE]'));
      const line = await proxy.logged(({ msg }) => msg === 'exchange');
      assert.equal(line.outcome, 'upstream_abort');
    });
  }
}

test('the official client raises on a stream that was cut between two events', async (t) => {
  const upstream = await startRawUpstream(
    (exchange) => {
      void exchange.write(HEAD + chunk(EVENT));
      exchange.end();
    },
    {
      t,
    },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = new OpenAI({ apiKey: 'x', baseURL: `${proxy.url}/openai/v1`, maxRetries: 0 });
  const stream = await client.chat.completions.create({ model: 'm', messages: [], stream: true });
  await assert.rejects(async () => {
    for await (const _ of stream);
  }, /upstream_reset|Upstream "openai"|closed|UND_ERR_SOCKET/i);
});

test('a short Content-Length and an encoded stream are destroyed, never completed', async (t) => {
  const heads = [
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"half":',
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n${chunk('xx\n\n')}`,
  ];
  for (const head of heads) {
    const { client } = await exchangeWith(t, 'openai', head, 'fin');
    await client.closed;
    assert.ok(!client.received.toString().includes('error'));
    assert.ok(!client.received.toString().includes('\r\n0\r\n'));
  }
});

test('an HTTP/1.0 client, for which a FIN would mean the end, gets a reset', async (t) => {
  const upstream = await startRawUpstream(
    (exchange) => {
      void exchange.write(HEAD + chunk('data: half'));
      exchange.end();
    },
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  await client.send('GET /openai/v1/x HTTP/1.0\r\nhost: x\r\n\r\n');
  assert.equal((await client.closed).by, 'reset');
});
