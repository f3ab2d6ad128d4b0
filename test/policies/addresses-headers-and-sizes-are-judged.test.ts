import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientAddress, compileCidrs, normalizeAddress } from '../../src/http/client-address.ts';
import { startProvider } from '../support/fake-provider.ts';
import { request } from '../support/raw-client.ts';
import { startProxy } from '../support/start-proxy.ts';

test('ip-access: deny wins, allow is a list, and a spoofed X-Forwarded-For changes nothing unless its proxy is trusted', async (t) => {
  const provider = await startProvider({ t });
  const policies = [
    { policy: 'ip-access', with: { allow: ['203.0.113.0/24', '2001:db8::/32'], deny: ['203.0.113.66'] } },
  ];
  const status = async (trusted: string[], forwarded: string) => {
    const proxy = await startProxy({ upstream: provider.url, policies, extra: { trusted_proxies: trusted } }, { t });
    return (await fetch(`${proxy.url}/openai/v1/models`, { headers: { 'x-forwarded-for': forwarded } })).status;
  };
  assert.equal(await status([], '203.0.113.1'), 403);
  assert.equal(await status(['127.0.0.0/8'], '203.0.113.1'), 200);
  assert.equal(await status(['127.0.0.0/8'], '::ffff:203.0.113.1'), 200);
  assert.equal(await status(['127.0.0.0/8'], '[2001:db8::1]:443'), 200);
  assert.equal(await status(['127.0.0.0/8'], '203.0.113.66'), 403);
  assert.equal(await status(['127.0.0.0/8'], '203.0.113.1, 198.51.100.7'), 403, 'the first that is not trusted counts');
  assert.equal(await status(['127.0.0.0/8', '198.51.100.0/24'], '203.0.113.1, 198.51.100.7'), 200);
  assert.equal(await status(['127.0.0.0/8'], 'nonsense'), 403);
});

test('addresses have one spelling, and the walk stops at what it cannot read', () => {
  assert.equal(normalizeAddress(' 1.2.3.4:80 '), '1.2.3.4');
  assert.equal(normalizeAddress('fe80::1%eth0'), 'fe80::1');
  for (const text of ['127.1', '0x7f.0.0.1', '1.2.3.4.5', '', 'unknown', '1.2.3.4 5'])
    assert.equal(normalizeAddress(text), undefined, text);
  const trusted = compileCidrs(['10.0.0.0/8']);
  assert.equal(clientAddress('::ffff:10.0.0.1', ['1.1.1.1, 10.0.0.2', '10.0.0.3'], trusted), '1.1.1.1');
  assert.equal(clientAddress('10.0.0.1', ['1.1.1.1, junk, 10.0.0.2'], trusted), '10.0.0.2');
  assert.equal(clientAddress('8.8.8.8', ['1.1.1.1'], trusted), '8.8.8.8');
  assert.equal(clientAddress(undefined, [], trusted), 'unknown');
});

test('headers: allow-list, then remove, then set, on both sides', async (t) => {
  const provider = await startProvider({
    t,
    override: () => ({ status: 200, headers: { server: 'theirs', 'x-a': '1', 'x-b': '2' }, body: 'ok' }),
  });
  const policies = [
    {
      policy: 'headers',
      with: {
        request: { allow: ['x-keep', 'x-drop'], remove: ['x-drop'], set: { 'x-set': 'yes' } },
        response: { remove: ['Server', 'x-a'], set: { 'x-b': 'ours', 'x-c': '3' } },
      },
    },
    { policy: 'key-injection', with: { keys: [{ env: 'KEY' }] } },
  ];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t, env: { KEY: 'k' } });
  const answer = await request(`${proxy.url}/openai/x`, { headers: { 'x-keep': '1', 'x-drop': '1', 'x-other': '1' } });
  const [seen] = provider.requests;
  const lines = (name: string) => seen?.headerLines(name);
  assert.deepEqual([lines('x-keep'), lines('x-drop'), lines('x-other'), lines('x-set')], [['1'], [], [], ['yes']]);
  assert.deepEqual(lines('authorization'), ['Bearer k'], 'keys are added after it');
  assert.equal(answer.headers.server, undefined);
  assert.equal(answer.headers['x-a'], undefined);
  assert.equal(answer.headers['x-b'], 'ours');
  assert.equal(answer.headers['x-c'], '3');
});

test('headers: without an allow-list everything else passes, both ways', async (t) => {
  const answer = { status: 200, headers: { 'x-theirs': '1' }, body: 'ok' };
  const provider = await startProvider({ t, override: () => answer });
  const policies = [{ policy: 'headers', with: { request: { set: { 'x-set': 'yes' } }, response: { remove: ['x'] } } }];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t });
  const got = await request(`${proxy.url}/openai/x`, { headers: { 'anthropic-version': '2023-06-01' } });
  assert.deepEqual(provider.requests[0]?.headerLines('anthropic-version'), ['2023-06-01']);
  assert.equal(got.headers['x-theirs'], '1');
});

test('headers that frame a message cannot be touched: an error with its place', async (t) => {
  const provider = await startProvider({ t });
  for (const edit of [
    { set: { 'Content-Length': '1' } },
    { remove: ['Transfer-Encoding'] },
    { set: { 'x-a': 'a\nb' } },
    { set: { 'x y': '1' } },
  ]) {
    const policies = [{ policy: 'headers', with: { request: edit } }];
    await assert.rejects(startProxy({ upstream: provider.url, policies }, { t }), /policies\[0\]\.with\.request/);
  }
});

test('body-limit: announced and counted bodies, exactly at the limit and above it', async (t) => {
  const provider = await startProvider({ t });
  const proxy = await startProxy(
    { upstream: provider.url, policies: [{ policy: 'body-limit', with: { max: 1000 } }] },
    { t },
  );
  const send = async (size: number, chunked: boolean) => {
    const text = 'a'.repeat(size);
    const body = chunked ? new Blob([text]).stream() : text;
    const answer = await fetch(`${proxy.url}/openai/echo`, { method: 'POST', body, duplex: 'half' } as RequestInit);
    return { status: answer.status, text: await answer.text() };
  };
  for (const chunked of [false, true]) {
    assert.equal((await send(1000, chunked)).text.length, 1000);
    const refused = await send(1001, chunked);
    assert.equal(refused.status, 413);
    assert.match(refused.text, /"code":"body_too_large"/);
  }
});

test('headers: without an allow-list every header passes, and the values that are set are not in /config', async (t) => {
  const provider = await startProvider({
    t,
    override: () => ({ status: 200, headers: { 'x-theirs': '1' }, body: 'ok' }),
  });
  const policies = [{ policy: 'headers', with: { request: { set: { 'x-tenant': 'formless-secret' } } } }];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t });
  const answer = await fetch(`${proxy.url}/openai/v1/models`, { headers: { 'x-mine': '1' } });
  assert.equal(answer.headers.get('x-theirs'), '1');
  assert.equal(provider.requests[0]?.headers['x-mine'], '1');
  assert.equal(provider.requests[0]?.headers['x-tenant'], 'formless-secret');
  const shown = await (await fetch(`${proxy.adminUrl}/config`)).text();
  assert.match(shown, /"x-tenant": ?"\[redacted\]"/);
  assert.doesNotMatch(shown, /formless-secret/);
});
