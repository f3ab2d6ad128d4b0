import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import Anthropic, { AuthenticationError as AnthropicUnknown } from '@anthropic-ai/sdk';
import OpenAI, { AuthenticationError } from 'openai';
import WebSocket, { WebSocketServer } from 'ws';
import { policies as registry } from '../../policies/index.ts';
import { checkConfig } from '../../src/app.ts';
import { entryOf, mountedFile, newKey } from '../support/client-keys.ts';
import { startProvider } from '../support/fake-provider.ts';
import { connectRaw } from '../support/raw-client.ts';
import { proxyYaml, startProxy } from '../support/start-proxy.ts';

const past = '2020-01-01T00:00:00Z';
const key = newKey();
const old = newKey();

function auth(more: object = {}, keys: object[] = [entryOf(key, 'game-eu', { tags: ['paid'] })]): object {
  return { policy: 'client-auth', with: { keys, ...more } };
}

/** Sends header lines as they are and gives status, headers and the problem. */
async function send(url: string, lines: readonly string[]) {
  const client = await connectRaw(url);
  const head = ['GET /openai/v1/models HTTP/1.1', 'host: x', 'connection: close', ...lines, '', ''];
  await client.send(head.join('\r\n'));
  const { status, body, head: answered } = await client.response();
  client.reset();
  return { status, head: answered, text: body.toString() };
}

test('a key is accepted in each header, exactly once and exactly as it is; all else is a 401 that says what is wrong', async (t) => {
  const provider = await startProvider({ t });
  const keys = [entryOf(key, 'game-eu'), entryOf(old, 'game-old', { expires: past }), entryOf(newKey(), 'game-us')];
  const proxy = await startProxy({ upstream: provider.url, policies: [auth({}, keys)] }, { t });
  const cases: [lines: string[], expected: 200 | RegExp][] = [
    [[`authorization: Bearer ${key}`], 200],
    [[`Authorization: bearer   ${key}`], 200],
    [[`x-api-key: ${key}`], 200],
    [[`x-api-key:  \t${key}  `], 200],
    [[`X-Goog-Api-Key: ${key}`], 200],
    [[`api-key: ${key}`], 200],
    [[], /put a key or a token into Authorization: Bearer or x-api-key/],
    [['authorization:'], /malformed/],
    [['authorization: Bearer'], /malformed/],
    [['authorization: Bearer '], /malformed/],
    [[`authorization: ${key}`], /malformed/],
    [[`authorization: Basic ${key}`], /malformed/],
    [[`authorization: Bearer ${key} ${key}`], /malformed/],
    [[`authorization: Bearer ${key}, Bearer ${key}`], /malformed/],
    [[`authorization: Bearer "${key}"`], /malformed/],
    [[`authorization: Bearer ${key}é`], /malformed/],
    [[`x-api-key: ${key},${key}`], /malformed/],
    [[`x-api-key: ${key.slice(0, 20)} ${key.slice(20)}`], /malformed/],
    [[`x-api-key: ${key}`, `x-api-key: ${key}`], /More than one/],
    [[`authorization: Bearer ${key}`, `authorization: Bearer ${key}`], /More than one/],
    [[`authorization: Bearer ${key}`, `x-api-key: ${key}`], /More than one/],
    [[`x-goog-api-key: ${key}`, 'x-api-key: another'], /More than one/],
    [[`x-api-key: ${key.slice(0, -1)}`], /not known/],
    [[`x-api-key: ${key}x`], /not known/],
    [[`x-api-key: ${key.slice(1)}`], /not known/],
    [[`x-api-key: ${key.toUpperCase()}`], /not known/],
    [[`x-api-key: ${key.toLowerCase()}`], /not known/],
    [[`x-api-key: Bearer-${key}`], /not known/],
    [[`x-api-key: ${'k'.repeat(12_000)}`], /not known/],
    [[`x-api-key: ${old}`], /expired on 2020-01-01/],
    [[`x-api-key: ${old.slice(0, -1)}`], /not known/],
  ];
  let passed = 0;
  for (const [lines, expected] of cases) {
    const { status, text, head } = await send(proxy.url, lines);
    const shown = lines.join(' | ').slice(0, 120);
    if (expected === 200) {
      assert.equal(status, 200, shown);
      passed++;
      continue;
    }
    assert.equal(status, 401, shown);
    assert.match(text, expected, shown);
    assert.match(text, /"code":"unauthenticated"/);
    const challenge = lines.length === 0 ? 'Bearer realm="sluice"' : 'Bearer realm="sluice", error="invalid_token"';
    assert.equal(head.get('www-authenticate'), challenge, shown);
    assert.ok(!text.includes(key) && !text.includes(old), 'nothing of a key is in the answer');
  }
  assert.equal(provider.requests.length, passed, 'what was refused went nowhere');
  for (const { rawHeaders } of provider.requests) assert.ok(!rawHeaders.join().includes(key));
});

test('the official clients authenticate by their apiKey, and raise AuthenticationError when it is not known', async (t) => {
  const provider = await startProvider({ t, keys: ['the-real-key'] });
  const injection = { policy: 'key-injection', with: { keys: [{ env: 'REAL' }] } };
  const env = { REAL: 'the-real-key' };
  const start = (dialect: string) =>
    startProxy({ upstream: provider.url, dialect, policies: [auth(), injection] }, { t, env });
  const [one, two] = [await start('openai'), await start('anthropic')];
  const openai = (apiKey: string) => new OpenAI({ apiKey, baseURL: `${one.url}/openai/v1` });
  const anthropic = (apiKey: string) => new Anthropic({ apiKey, baseURL: `${two.url}/anthropic` });
  const messages = [{ role: 'user' as const, content: 'Hi' }];
  await openai(key).chat.completions.create({ model: 'gpt-4o', messages });
  await anthropic(key).messages.create({ model: 'claude-sonnet-5', max_tokens: 9, messages });
  assert.equal(provider.requests.length, 2);
  await assert.rejects(openai(newKey()).chat.completions.create({ model: 'gpt-4o', messages }), AuthenticationError);
  const unknown = anthropic(newKey()).messages.create({ model: 'claude-sonnet-5', max_tokens: 9, messages });
  await assert.rejects(unknown, AnthropicUnknown);
  assert.equal(provider.requests.length, 2, 'a refusal is not tried again');
  const line = await one.logged((entry) => entry.msg === 'exchange');
  assert.equal(line.identity, 'game-eu');
});

test('what was recognised never goes upstream, where credentials pass and in shadow mode too; what was not, passes in shadow mode', async (t) => {
  const provider = await startProvider({ t });
  const routeOptions = { credentials: 'pass' };
  for (const mode of ['enforce', 'shadow']) {
    const keys = [entryOf(key, 'game-eu'), entryOf(old, 'game-eu', { expires: past })];
    const policy = { ...auth({ accept: ['x-api-key'] }, keys), mode };
    const proxy = await startProxy({ upstream: provider.url, routeOptions, policies: [policy] }, { t });
    const own = 'authorization: Bearer the-own-provider-key';
    assert.equal((await send(proxy.url, [`x-api-key: ${key}`, own])).status, 200);
    const seen = provider.requests.at(-1);
    assert.deepEqual(seen?.headerLines('x-api-key'), [], mode);
    assert.deepEqual(
      seen?.headerLines('authorization'),
      ['Bearer the-own-provider-key'],
      'of the others nothing is taken',
    );
    const everywhere = [`authorization: Bearer ${key}`, `x-other: (${key})`, `X-Api-Key: ${key}`];
    assert.equal((await send(proxy.url, everywhere)).status, 200);
    assert.ok(!provider.requests.at(-1)?.rawHeaders.join().includes(key), `${mode}: whatever header held it`);
    if (mode === 'enforce') {
      const inAddress = await fetch(`${proxy.url}/openai/v1/models?key=${key}`, { headers: { 'x-api-key': key } });
      assert.equal(inAddress.status, 401);
      continue;
    }
    const inQuery = await fetch(`${proxy.url}/openai/v1/models?a=1&k=${key}&b=${encodeURIComponent(key)}&c=%41`, {
      headers: { 'x-api-key': key },
    });
    assert.equal(inQuery.status, 200);
    assert.equal(provider.requests.at(-1)?.url, '/v1/models?a=1&c=%41', 'no part of the query that holds it');
    assert.equal((await send(proxy.url, [`x-api-key: ${old}`])).status, 200);
    assert.deepEqual(provider.requests.at(-1)?.headerLines('x-api-key'), [], 'a key of ours that has expired');
    assert.equal((await send(proxy.url, ['x-api-key: a-provider-key'])).status, 200);
    assert.deepEqual(provider.requests.at(-1)?.headerLines('x-api-key'), ['a-provider-key']);
  }
});

test('a key that is percent-encoded in the address or in another header goes no further either', async (t) => {
  const provider = await startProvider({ t });
  const written = `${newKey()}+/==`;
  const policies = [auth({}, [entryOf(written, 'game-eu')])];
  const proxy = await startProxy({ upstream: provider.url, routeOptions: { credentials: 'pass' }, policies }, { t });
  const forms = [written, encodeURIComponent(written), `%${written.charCodeAt(0).toString(16)}${written.slice(1)}`];
  for (const form of forms) {
    for (const path of [`/v1/models?k=${form}`, `/v1/${form}/models`]) {
      const inAddress = await fetch(`${proxy.url}/openai${path}`, { headers: { 'x-api-key': written } });
      assert.equal(inAddress.status, 401, path);
      assert.match(await inAddress.text(), /in the address too/);
    }
    assert.equal((await send(proxy.url, [`x-api-key: ${written}`, `referer: http://x/?k=${form}`])).status, 200);
    assert.deepEqual(provider.requests.at(-1)?.headerLines('referer'), [], form);
  }
  assert.equal(provider.requests.length, forms.length);
});

test('a WebSocket handshake takes the same check, and its key stays here', async (t) => {
  const handshakes: string[][] = [];
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    handshakes.push(request.rawHeaders);
    socket.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = await startProxy({ upstream, routeOptions: { credentials: 'pass' }, policies: [auth()] }, { t });
  const open = (apiKey: string) =>
    new WebSocket(`${proxy.url.replace('http', 'ws')}/openai/v1/realtime`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
  const good = open(key);
  await once(good, 'close');
  assert.equal(handshakes.length, 1);
  assert.ok(!handshakes.join().includes(key));
  const [, refusal] = await once(
    open(newKey()).on('error', () => undefined),
    'unexpected-response',
  );
  assert.equal(refusal.statusCode, 401);
  refusal.destroy();
  assert.equal(handshakes.length, 1);
});

test('tags and identity are there for the policies that follow', async (t) => {
  const provider = await startProvider({ t });
  const keys = [entryOf(key, 'game-eu', { tags: ['paid'] }), entryOf(old, 'game-us')];
  const policies = [
    auth({}, keys),
    { policy: 'headers', id: 'a', when: { tag: 'paid' }, with: { request: { set: { 'x-paid': 'yes' } } } },
    { policy: 'headers', id: 'b', when: { identity: 'game-*' }, with: { request: { set: { 'x-game': 'yes' } } } },
  ];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t });
  for (const [sent, paid] of [
    [key, ['yes']],
    [old, []],
  ] as const) {
    await send(proxy.url, [`x-api-key: ${sent}`]);
    assert.deepEqual(provider.requests.at(-1)?.headerLines('x-paid'), paid);
    assert.deepEqual(provider.requests.at(-1)?.headerLines('x-game'), ['yes']);
  }
});

test('keys rotate by a swap of their file under load without a failed request; a broken version keeps the last good one', async (t) => {
  const provider = await startProvider({ t });
  const file = await mountedFile(t, 'keys.yaml', JSON.stringify([entryOf(old, 'game-eu')]));
  const proxy = await startProxy({ upstream: provider.url, policies: [auth({ key_file: file.path }, [])] }, { t });
  const status = async (apiKey: string) =>
    (await fetch(`${proxy.url}/openai/v1/models`, { headers: { 'x-api-key': apiKey } })).status;
  let current = old;
  let running = true;
  const failures: number[] = [];
  let sent = 0;
  const load = Array.from({ length: 4 }, async () => {
    while (running) {
      const got = await status(current);
      sent++;
      if (got !== 200) failures.push(got);
    }
  });
  const reread = () => proxy.logged((line) => line.msg === 'the file of client keys has been read again');
  const before = performance.now();
  // As it is done: both are valid, callers change over, the old one goes.
  await file.swap(JSON.stringify([entryOf(old, 'game-eu'), entryOf(key, 'game-eu')]));
  assert.equal((await reread()).keys, 2);
  current = key;
  await file.swap(JSON.stringify([entryOf(key, 'game-eu')]));
  await proxy.logged((line) => line.keys === 1);
  assert.ok(performance.now() - before < 5_000, 'by the watch, not by the poll');
  assert.equal(await status(old), 401);
  await file.swap('- hash: broken\n  identity: game-eu');
  const line = await proxy.logged((entry) => entry.level === 'error');
  assert.equal(line.reason, 'entry 1, `hash`: is not written as it must be');
  assert.equal(await status(key), 200);
  running = false;
  await Promise.all(load);
  assert.deepEqual(failures, [], `of ${sent}`);
  assert.ok(sent > 20);
  const told =
    JSON.stringify(proxy.logs) + (await proxy.metrics()) + (await (await fetch(`${proxy.adminUrl}/config`)).text());
  for (const secret of [key, old, file.path.slice(0, -9)]) {
    const place = told.indexOf(secret);
    // The path is in /config, where the operator wrote it.
    assert.ok(place < 0 || !secret.startsWith('sk-'), 'no key in logs, metrics and /config');
  }
  assert.ok(!JSON.stringify(proxy.logs).includes(file.path));
});

test('entries that cannot be used are mistakes with their place, and check warns of a key that has expired', async () => {
  const yaml = (more: object, keys: object[] = []) =>
    proxyYaml({ upstream: 'http://127.0.0.1:1', policies: [auth(more, keys)] });
  const check = (text: string) => checkConfig({ yaml: text, policies: registry, env: {} });
  const entry = entryOf(key, 'game-eu');
  await assert.rejects(check(yaml({})), /needs `keys`, `key_file` or `jwt`/);
  await assert.rejects(check(yaml({}, [entry, entry])), /policies\[0\]\.with\.keys\[1\].*is the same key/);
  await assert.rejects(check(yaml({}, [{ ...entry, hash: key }])), (error: Error) => {
    assert.match(error.message, /keys\[0\]\.hash.*hash-key/);
    return !error.message.includes(key);
  });
  await assert.rejects(check(yaml({}, [{ ...entry, expires: '2027-01-31' }])), /RFC 3339/);
  await assert.rejects(check(yaml({}, [{ ...entry, tags: ['a b'] }])), /a tag/);
  await assert.rejects(check(yaml({ key_file: '/nonexistent/keys.yaml' })), /with\.key_file.*cannot be used: ENOENT/);
  const salts = Array.from({ length: 17 }, (_, i) => entryOf(newKey(), 'game', {}, `salt-${i}`.padEnd(22, '-')));
  await assert.rejects(check(yaml({}, salts)), /keys\[16\].*one salt too many/);
  const { warnings } = await check(yaml({}, [{ ...entry, expires: past }]));
  assert.deepEqual(
    warnings.map(({ severity, path, message }) => [severity, path, message]),
    [['warning', 'policies[0].with.keys[0].expires', 'the key of game-eu has expired; it is refused']],
  );
});
