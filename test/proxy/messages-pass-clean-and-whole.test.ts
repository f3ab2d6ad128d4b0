import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { MessageHead } from '../support/http-message.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

const linesOf = (head: MessageHead | undefined) => (head?.lines ?? []).flat().join('\n');
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

async function start(t: TestContext, answer: string, options: object = {}) {
  const upstream = await startRawUpstream((exchange) => void exchange.write(answer), { t });
  const proxy = await startProxy({ upstream: upstream.url, ...options }, { t });
  const ask = async (text: string) => {
    const client = await connectRaw(proxy.url);
    await client.send(text);
    return client.response();
  };
  return { upstream, proxy, ask };
}

test('what belongs to one connection or identifies players stays behind, both ways; the rest keeps case and order', async (t) => {
  const answer =
    'HTTP/1.1 200 Fine\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nTrailer: x\r\nSet-Cookie: a=1\r\nX-Request-Id: theirs\r\nX-RateLimit-Remaining-Requests: 9\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok';
  const { upstream, ask } = await start(t, answer);
  const response = await ask(
    [
      'GET /openai/v1/models HTTP/1.1',
      'Host: game',
      'X-First: 1',
      'Connection: keep-alive, X-Private',
      'X-Private: secret',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Proxy-Authorization: Basic xx',
      'Cookie: session=1',
      'Forwarded: for=1.2.3.4',
      'X-Forwarded-For: 1.2.3.4',
      'X-Forwarded-Host: game',
      'X-Real-IP: 1.2.3.4',
      'baggage: player=7',
      'OpenAI-Beta: one',
      'OpenAI-Beta: two',
      'x-request-id: req-7',
      '\r\n',
    ].join('\r\n'),
  );
  const sent = upstream.exchanges[0]?.head;
  assert.ok(sent);
  const names = sent.lines.map(([name]) => name.toLowerCase());
  for (const name of [
    'x-private',
    'keep-alive',
    'te',
    'proxy-authorization',
    'cookie',
    'forwarded',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-real-ip',
    'baggage',
  ]) {
    assert.ok(!names.includes(name), `${name} stays here`);
  }
  const raw = linesOf(sent);
  assert.match(raw, /X-First\n1[\s\S]*OpenAI-Beta\none\nOpenAI-Beta\ntwo/);
  assert.match(raw, /x-request-id\nreq-7/);
  assert.match(raw, /via\n1\.1 sluice-/);
  assert.ok(!raw.includes('game'), 'Host is the upstream');

  assert.equal(response.head.startLine, 'HTTP/1.1 200 Fine');
  const got = linesOf(response.head);
  assert.match(got, /Set-Cookie\na=1\nX-Request-Id\ntheirs\nX-RateLimit-Remaining-Requests\n9\nSet-Cookie\nb=2/);
  assert.match(got, /x-sluice-request-id\nreq-7/);
  assert.ok(!/x-hop|trailer/i.test(got));
  assert.ok(!/connection\nclose/i.test(got));
});

test('forward_headers lets named ones through', async (t) => {
  const { upstream, ask } = await start(t, OK, { routeOptions: { forward_headers: ['Cookie', 'x-forwarded-for'] } });
  await ask('GET /openai/a HTTP/1.1\r\nhost: x\r\ncookie: a=1\r\nx-forwarded-for: 9.9.9.9\r\nbaggage: b\r\n\r\n');
  const raw = linesOf(upstream.exchanges[0]?.head);
  assert.match(raw, /cookie\na=1/);
  assert.match(raw, /x-forwarded-for\n9\.9\.9\.9/);
  assert.ok(!raw.includes('baggage'));
});

test('what is below the route goes below the path of the upstream', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  const proxy = await startProxy({ upstream: `${upstream.url}/base/` }, { t });
  const cases: [sent: string, seen: string][] = [
    ['/openai/v1/a/../b', '/base/v1/b'],
    ['/openai/v1/%2E%2e/b', '/base/b'],
    ['/openai', '/base/'],
    ['http://elsewhere.example/openai/v1/x?y', '/base/v1/x?y'],
  ];
  for (const [sent, seen] of cases) {
    const client = await connectRaw(proxy.url);
    await client.send(`GET ${sent} HTTP/1.1\r\nhost: x\r\n\r\n`);
    assert.equal((await client.response()).status, 200, sent);
    assert.equal(upstream.exchanges.at(-1)?.url, seen);
  }
});

test('what is no request for the pipeline is refused, and nothing of it reaches the upstream', async (t) => {
  const { upstream, ask } = await start(t, OK);
  const cases: [request: string, status: number][] = [
    ['GET /openai/../x HTTP/1.1\r\nhost: x\r\n\r\n', 404],
    ['GET /openai/a/../../openai/x HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['GET /../openai/x HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['GET /openai\\x HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['GET /elsewhere HTTP/1.1\r\nhost: x\r\n\r\n', 404],
    ['GET /openaix HTTP/1.1\r\nhost: x\r\n\r\n', 404],
    ['POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 9007199254740993\r\n\r\nx', 413],
    ['nonsense\r\n\r\n', 400],
  ];
  for (const [request, status] of cases) {
    assert.equal((await ask(request)).status, status, JSON.stringify(request.slice(0, 60)));
  }
  assert.equal(upstream.exchanges.length, 0);
  assert.equal(upstream.connections, 0);
});

test('a client that expects 100-continue is refused before it has sent its body', async (t) => {
  const closed = await start(t, OK, { policies: [{ policy: 'body-limit', with: { max: 3 } }] });
  const denied = await connectRaw(closed.proxy.url);
  await denied.send('POST /openai/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n');
  assert.match((await denied.head()).startLine, / 413 /);
  assert.equal(closed.upstream.connections, 0);
});
