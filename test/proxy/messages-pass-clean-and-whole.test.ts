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

test('every byte of path and query goes on as it came, below the upstream path; dot segments are resolved once', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  const proxy = await startProxy({ upstream: `${upstream.url}/base/` }, { t });
  const cases: [sent: string, seen: string][] = [
    ['/openai/v1//a%2Fb;c=1?q=%20%2f&&x=a+b?c', '/base/v1//a%2Fb;c=1?q=%20%2f&&x=a+b?c'],
    ['/openai/v1/a/../b', '/base/v1/b'],
    ['/openai/v1/%2E%2e/b', '/base/b'],
    ['/openai', '/base/'],
    ['http://elsewhere.example/openai/v1/x?y', '/base/v1/x?y'],
    ['/openai/"<>`{|}', '/base/"<>`{|}'],
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
    ['OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['TRACE /openai/x HTTP/1.1\r\nhost: x\r\n\r\n', 405],
    ['CONNECT api.openai.com:443 HTTP/1.1\r\nhost: x\r\n\r\n', 405],
    ['GET /openai/x HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n', 400],
    ['GET /openai/x HTTP/1.1\r\n\r\n', 400],
    ['POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd', 400],
    ['POST /openai/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n', 400],
    ['POST /openai/x HTTP/1.1\r\nhost: x\r\ncontent-length: 9007199254740993\r\n\r\nx', 413],
    ['GET /openai/x HTTP/1.1\r\nhost : x\r\n\r\n', 400],
    ['POST /openai/x HTTP/1.1\r\nhost: x\r\nexpect: 200-maybe\r\ncontent-length: 1\r\n\r\n', 417],
    [`GET /openai/x HTTP/1.1\r\nhost: x\r\nbig: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['nonsense\r\n\r\n', 400],
  ];
  for (const [request, status] of cases) {
    assert.equal((await ask(request)).status, status, JSON.stringify(request.slice(0, 60)));
  }
  assert.equal(upstream.exchanges.length, 0);
  assert.equal(upstream.connections, 0);
});

test('a chunked DELETE and a GET with a body are one request each, whole', async (t) => {
  const { upstream, ask } = await start(t, OK);
  const smuggled = 'GET /evil HTTP/1.1\r\nhost: x\r\n\r\n';
  const chunked = `transfer-encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
  for (const method of ['DELETE', 'OPTIONS', 'GET', 'POST']) {
    assert.equal((await ask(`${method} /openai/x HTTP/1.1\r\nhost: x\r\n${chunked}`)).status, 200);
    const seen = upstream.exchanges.at(-1);
    assert.equal(seen?.method, method);
    assert.equal((await seen?.body)?.toString(), smuggled);
  }
  assert.equal(upstream.exchanges.length, 4);
});

test('Expect: 100-continue is answered here once the policies agree, and not before a refusal', async (t) => {
  const { upstream, proxy } = await start(t, OK);
  const client = await connectRaw(proxy.url);
  await client.send('POST /openai/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n');
  assert.match((await client.head()).startLine, / 100 /);
  await client.send('body');
  assert.equal((await client.response()).status, 200);
  assert.equal((await upstream.exchanges[0]?.body)?.toString(), 'body');
  assert.equal(upstream.exchanges[0]?.head.get('expect'), undefined);

  const closed = await start(t, OK, { policies: [{ policy: 'body-limit', with: { max: 3 } }] });
  const refused = await closed.ask(
    'POST /openai/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n',
  );
  assert.equal(refused.status, 413);
  assert.equal(closed.upstream.connections, 0);
});

test('HEAD, 204, 304, early hints and trailers pass; an HTTP/1.1 connection serves on', async (t) => {
  const answers: [method: string, answer: string][] = [
    ['HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n'],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n'],
    ['GET', `HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n${OK}`],
    ['GET', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n'],
    ['GET', 'HTTP/1.1 999 Strange\r\ncontent-length: 0\r\n\r\n'],
  ];
  const queue = answers.map(([, answer]) => answer);
  const upstream = await startRawUpstream((exchange) => void exchange.write(queue.shift() ?? ''), { t });
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const client = await connectRaw(proxy.url);
  for (const [method] of answers) await client.send(`${method} /openai/x HTTP/1.1\r\nhost: x\r\n\r\n`);
  const text = async (pattern: RegExp) => {
    for (let i = 0; i < 200 && !pattern.test(client.received.toString()); i++)
      await new Promise((r) => setTimeout(r, 10));
    assert.match(client.received.toString(), pattern);
  };
  await text(/HTTP\/1\.1 200 OK\r\ncontent-length: 10/);
  await text(/204 No Content/);
  await text(/304 Not Modified\r\netag: "a"/);
  await text(/103 Early Hints\r\n[Ll]ink: <\/a>; rel=preload/);
  await text(/0\r\nx-sum: 1\r\n\r\n/);
  await text(/999 Strange/);
});

test('an upstream that speaks garbage, or switches protocols unasked, is a 502', async (t) => {
  for (const answer of [
    'what?\r\n\r\n',
    'HTTP/1.1 099 No\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  ]) {
    const { ask } = await start(t, answer);
    assert.equal((await ask('GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n')).status, 502, answer);
  }
});

test('a request that comes back to the same Sluice is a loop', async (t) => {
  const { upstream, ask } = await start(t, OK);
  await ask('GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n');
  const via = /via\n(.*)/.exec(linesOf(upstream.exchanges[0]?.head))?.[1];
  assert.equal((await ask(`GET /openai/x HTTP/1.1\r\nhost: x\r\nvia: 1.0 fred, ${via}\r\n\r\n`)).status, 508);
});

test('a stale kept-alive connection is tried once more; a response that was begun is not', async (t) => {
  let closing = 0;
  const upstream = await startRawUpstream(
    (exchange) => {
      if (exchange.index === 0) void exchange.write(OK);
      else {
        closing++;
        exchange.reset();
      }
    },
    { t },
  );
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  const post = (body: string) => fetch(`${proxy.url}/openai/x`, { method: 'POST', body });
  assert.equal((await post('one')).status, 200);
  const second = await post('two');
  assert.equal(second.status, 200);
  assert.equal(closing, 1);
  assert.equal(upstream.connections, 2);
  assert.equal((await upstream.exchanges.at(-1)?.body)?.toString(), 'two');
});
