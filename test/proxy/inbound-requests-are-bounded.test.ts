import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const GET = (path: string) => `GET /openai/${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

async function start(t: TestContext, server: object, answer: string = OK) {
  const upstream = await startRawUpstream((exchange) => void (answer !== '' && exchange.write(answer)), { t });
  const proxy = await startProxy({ upstream: upstream.url, extra: { server } }, { t });
  return { upstream, proxy, client: await connectRaw(proxy.url) };
}

const codeOf = (body: Buffer) => (JSON.parse(body.toString()) as { code: string }).code;

test('a long target is a 414, many header lines and a large header are a 431; up to the bound all of it goes on', async (t) => {
  const { upstream, proxy } = await start(t, { max_url_bytes: 100, max_headers: 10, max_header_bytes: '64KiB' });
  const ask = async (request: string) => {
    const client = await connectRaw(proxy.url);
    await client.send(request);
    return client.response();
  };
  const long = await ask(GET('a'.repeat(100)));
  assert.equal(`${long.status} ${codeOf(long.body)}`, '414 uri_too_long');
  const many = await ask(`GET /openai/x HTTP/1.1\r\nhost: x\r\n${'a: 1\r\n'.repeat(10)}\r\n`);
  assert.equal(`${many.status} ${codeOf(many.body)}`, '431 headers_too_large');
  const large = await ask(`GET /openai/x HTTP/1.1\r\nhost: x\r\nbig: ${'a'.repeat(70_000)}\r\n\r\n`);
  assert.equal(large.status, 431);
  assert.equal(upstream.exchanges.length, 0);

  const fits = await ask(
    `GET /openai/x HTTP/1.1\r\nhost: x\r\nbig: ${'a'.repeat(60_000)}\r\n${'a: 1\r\n'.repeat(8)}\r\n`,
  );
  assert.equal(fits.status, 200);
  const sent = upstream.exchanges[0]?.head;
  assert.equal(sent?.get('big')?.length, 60_000);
  assert.equal(sent?.lines.filter(([name]) => name === 'a').length, 8);
});

test('3,000 header lines are refused, not cut to the first 2,000', async (t) => {
  const { upstream, client } = await start(t, { max_header_bytes: '64KiB' });
  await client.send(`GET /openai/x HTTP/1.1\r\nhost: x\r\n${'a: 1\r\n'.repeat(3000)}\r\n`);
  assert.equal((await client.response()).status, 431);
  assert.equal(upstream.exchanges.length, 0);
});

test('one connection too many is told so with a 503; when another closes there is room again', async (t) => {
  const { proxy, client } = await start(t, { max_connections: 1 });
  const second = await connectRaw(proxy.url);
  const refused = await second.response();
  assert.equal(`${refused.status} ${codeOf(refused.body)}`, '503 overloaded');
  await client.send(GET('x'));
  assert.equal((await client.response()).status, 200);
  client.destroy();
  await client.closed;
  for (;;) {
    const third = await connectRaw(proxy.url);
    await third.send(GET('x')).catch(() => undefined);
    if ((await third.response()).status === 200) break;
  }
});

test('a header or a body that does not arrive in time is a 408, and nothing of it is taken for whole', async (t) => {
  const { upstream, proxy, client: slow } = await start(t, { header_timeout: '200ms', request_timeout: '400ms' });
  await slow.send('GET /openai/x HTTP/1.1\r\nhost: x\r\n');
  const late = await slow.response();
  assert.equal(`${late.status} ${codeOf(late.body)}`, '408 request_timeout');
  const body = await connectRaw(proxy.url);
  await body.send('POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf');
  assert.equal((await body.response()).status, 408);
  await Promise.all([slow.closed, body.closed]);
  assert.equal(upstream.exchanges.length, 0, 'no whole request came');
});

test('pipelined requests are answered in order, one at a time', async (t) => {
  let running = 0;
  const upstream = await startRawUpstream(
    (exchange) => {
      assert.equal(++running, 1);
      setTimeout(() => {
        running--;
        void exchange.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${exchange.url.slice(1)}`);
      }, 5);
    },
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  await client.send(['01', '02', '03', '04', '05'].map(GET).join(''));
  for (const expected of ['01', '02', '03', '04', '05']) {
    assert.equal((await client.response()).body.toString(), expected);
  }
});

test('a flood of pipelined requests is bounded: those too many get a 503 in their turn', async (t) => {
  const { upstream, client } = await start(t, {});
  await client.send(GET('x').repeat(500));
  const statuses = new Map<number, number>();
  for (let i = 0; i < 500; i++) {
    const { status } = await client.response();
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  assert.equal(upstream.exchanges.length, statuses.get(200));
  assert.equal((statuses.get(503) ?? 0) + (statuses.get(200) ?? 0), 500);
  assert.ok((statuses.get(503) ?? 0) > 300);
});

test('what is no request is in the log and counted, once', async (t) => {
  const { proxy, client } = await start(t, {});
  await client.send('nonsense\r\n\r\n');
  assert.equal((await client.response()).status, 400);
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.equal(`${line.status} ${line.code}`, '400 bad_request');
  assert.match(
    await proxy.metrics(),
    /sluice_requests_total\{route="none",method="OTHER",status="400",outcome="replied"\} 1/,
  );
  const cut = await connectRaw(proxy.url);
  await cut.send('POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf');
  cut.end();
  await cut.closed;
  await proxy.logged(({ outcome }) => outcome === 'client_abort');
  assert.equal(proxy.logs.filter(({ msg }) => msg === 'exchange').length, 2);
});

test('HTTP/0.9 and an upgrade over HTTP/1.0 get no further', async (t) => {
  const { upstream, proxy } = await start(t, {});
  const old = await connectRaw(proxy.url);
  await old.send('GET /openai/x\r\n\r\n');
  assert.equal((await old.response()).status, 400);
  assert.equal(upstream.exchanges.length, 0);
  const upgrade = await connectRaw(proxy.url);
  await upgrade.send('GET /openai/x HTTP/1.0\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  assert.equal((await upgrade.response()).status, 400);
});

test('a client that owes a part of its body is no fault of the upstream', async (t) => {
  const upstream = await startRawUpstream(() => {}, { t, on: 'head' });
  const proxy = await startProxy(
    {
      upstream: upstream.url,
      upstreamOptions: { timeouts: { first_byte: '100ms' } },
      extra: { server: { request_timeout: '500ms' } },
    },
    { t },
  );
  const client = await connectRaw(proxy.url);
  await client.send(`POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n${'a'.repeat(1000)}`);
  assert.equal((await client.response()).status, 408);
});

test('bodies of pipelined requests count as held, and are refused when there is no room', async (t) => {
  const { proxy, client } = await start(t, { held_bytes: '256KiB' }, '');
  const post = `POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n${'a'.repeat(60_000)}`;
  client.socket.write(post.repeat(20));
  const held = async () => Number(/sluice_held_body_bytes (\d+)/.exec(await proxy.metrics())?.[1]);
  while ((await held()) < 256 * 1024);
  client.reset();
  while ((await held()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
});
