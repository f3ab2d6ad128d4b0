import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { policies as registry } from '../../policies/index.ts';
import { checkConfig } from '../../src/app.ts';
import { entryOf, newKey } from '../support/client-keys.ts';
import { startProvider } from '../support/fake-provider.ts';
import { request } from '../support/raw-client.ts';
import { proxyYaml, startProxy } from '../support/start-proxy.ts';

const key = newKey();

async function start(t: TestContext, options: object = {}, before: object[] = [], extra: object = {}) {
  const provider = await startProvider({ t });
  const policies = [...before, { policy: 'identity', with: { header: 'x-player-id', ...options } }];
  const proxy = await startProxy({ upstream: provider.url, policies, extra }, { t, env: { HASH: 'a key of ours' } });
  let sent = 0;
  /** Sends these lines; gives the status, the code, and the identity that the log shows. */
  const send = async (...lines: string[]) => {
    const id = `r${++sent}`;
    const headers = ['host', 'x', 'x-request-id', id, ...lines];
    const { status, text } = await request(`${proxy.url}/openai/v1/models`, { headers });
    const line = await proxy.logged((entry) => entry.msg === 'exchange' && entry.request_id === id);
    return { status, code: status === 200 ? undefined : JSON.parse(text).code, identity: line.identity };
  };
  return { provider, proxy, send };
}

test('a valid value of a believed peer is the identity, and its header stays here', async (t) => {
  const { provider, send } = await start(t);
  for (const player of ['p1', 'player-1.2:3@eu', 'x'.repeat(128)])
    assert.deepEqual(await send('X-Player-Id', player), { status: 200, code: undefined, identity: player });
  assert.deepEqual(await send(), { status: 200, code: undefined, identity: undefined });
  for (const seen of provider.requests) assert.deepEqual(seen.headerLines('x-player-id'), []);
  const forwarding = await start(t, { forward: true });
  await forwarding.send('x-player-id', 'p1');
  assert.deepEqual(forwarding.provider.requests[0]?.headerLines('x-player-id'), ['p1']);
});

test('values that are not valid are refused, or ignored where that is said', async (t) => {
  const refusing = await start(t, { pattern: '(a+)+b?', max_length: 64 });
  const ignoring = await start(t, { pattern: '(a+)+b?', max_length: 64, invalid: 'ignore' });
  const invalid = [
    ['x-player-id', ''],
    ['x-player-id', 'b'],
    ['x-player-id', `${'a'.repeat(63)}!`],
    ['x-player-id', 'a'.repeat(65)],
    ['x-player-id', 'aé'],
    ['x-player-id', 'a, a'],
    ['x-player-id', 'a', 'X-Player-ID', 'a'],
  ];
  for (const lines of invalid) {
    const before = performance.now();
    assert.deepEqual(await refusing.send(...lines), { status: 400, code: 'identity_invalid', identity: undefined });
    assert.deepEqual(await ignoring.send(...lines), { status: 200, code: undefined, identity: undefined });
    assert.ok(performance.now() - before < 1_000, 'in bounded time');
  }
  assert.equal((await refusing.send('x-player-id', 'aab')).identity, 'aab');
  for (const seen of ignoring.provider.requests) assert.deepEqual(seen.headerLines('x-player-id'), []);
});

test('who is believed is the peer, not what X-Forwarded-For says; of others the header is as if missing', async (t) => {
  const trusting = { trusted_proxies: ['127.0.0.0/8'] };
  const stranger = await start(t, { from: ['203.0.113.0/24'] }, [], trusting);
  const spoofed = ['x-player-id', 'p1', 'x-forwarded-for', '203.0.113.1'];
  assert.deepEqual(await stranger.send(...spoofed), { status: 200, code: undefined, identity: undefined });
  assert.deepEqual(stranger.provider.requests[0]?.headerLines('x-player-id'), [], 'it is not passed on either');
  const needing = await start(t, { from: ['203.0.113.0/24'], missing: 'deny' }, [], trusting);
  assert.equal((await needing.send(...spoofed)).code, 'identity_missing');
  const believing = await start(t, { missing: 'deny' }, [], trusting);
  assert.equal((await believing.send(...spoofed)).identity, 'p1', 'the peer is on loopback, whoever the client is');
  assert.equal((await believing.send()).code, 'identity_missing');
});

test('with forward, a header that is not believed or not valid goes upstream no more than without', async (t) => {
  const stranger = await start(t, { forward: true, from: ['203.0.113.0/24'] });
  assert.equal((await stranger.send('x-player-id', 'spoofed')).status, 200);
  assert.deepEqual(stranger.provider.requests[0]?.headerLines('x-player-id'), []);
  const ignoring = await start(t, { forward: true, invalid: 'ignore' });
  assert.equal((await ignoring.send('x-player-id', 'a', 'x-player-id', 'b')).status, 200);
  assert.deepEqual(ignoring.provider.requests[0]?.headerLines('x-player-id'), []);
});

test("behind client-auth the player is named within the caller, and no player can be taken for another caller's", async (t) => {
  const auth = (name: string) => [{ policy: 'client-auth', with: { keys: [entryOf(key, name)] } }];
  const lines = ['x-api-key', key, 'x-player-id', 'a/b%2'];
  const identityOf = async (known: string) =>
    (await (await start(t, { known, pattern: '.*' }, auth('game'))).send(...lines)).identity;
  assert.equal(await identityOf('combine'), 'game/a%2Fb%252');
  assert.equal(await identityOf('replace'), 'a/b%2');
  assert.equal(await identityOf('keep'), 'game');
});

test('hash_in_logs: the log shows a keyed hash, limits and conditions go by the identity', async (t) => {
  const player = 'player-canary-77';
  const limit = { policy: 'request-rate', with: { limit: 2, per: '1m', key: 'identity' } };
  const looking = {
    policy: 'headers',
    when: { identity: 'game/player-*' },
    with: { request: { set: { 'x-seen': '1' } } },
  };
  const options = { hash_in_logs: true, hash_key: { env: 'HASH' } };
  const provider = await startProvider({ t });
  const policies = [
    { policy: 'client-auth', with: { keys: [entryOf(key, 'game')] } },
    { policy: 'identity', with: { header: 'x-player-id', ...options } },
    looking,
    limit,
  ];
  const shown = new Set<unknown>();
  for (let replica = 0; replica < 2; replica++) {
    const proxy = await startProxy({ upstream: provider.url, policies }, { t, env: { HASH: 'a key of ours' } });
    const headers = { 'x-api-key': key, 'x-player-id': player };
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push((await request(`${proxy.url}/openai/v1/models`, { headers })).status);
    assert.deepEqual(statuses, [200, 200, 429]);
    const line = await proxy.logged((entry) => entry.msg === 'exchange' && entry.status === 429);
    shown.add(line.identity);
    assert.match(String(line.identity), /^game\/#[\w-]{16}$/);
    assert.ok(!(JSON.stringify(proxy.logs) + (await proxy.metrics())).includes('canary'));
  }
  assert.equal(shown.size, 1, 'with a key of the operator all replicas show the same');
  for (const seen of provider.requests) assert.deepEqual(seen.headerLines('x-seen'), ['1']);
  const own = await start(t, { hash_in_logs: true });
  const first = (await own.send('x-player-id', player)).identity;
  assert.match(String(first), /^#[\w-]{16}$/);
  assert.equal((await own.send('x-player-id', player)).identity, first);
});

test('patterns that are not understood are mistakes with their place', async () => {
  const check = (options: object) => {
    const policies = [{ policy: 'identity', with: { header: 'x-player-id', ...options } }];
    return checkConfig({ yaml: proxyYaml({ upstream: 'http://127.0.0.1:1', policies }), policies: registry, env: {} });
  };
  await assert.rejects(check({ pattern: '(a' }), /policies\[0\]\.with\.pattern.*not closed/);
  await assert.rejects(check({ pattern: '\\1' }), /with\.pattern/);
  await assert.rejects(check({ pattern: 'a'.repeat(257) }), /with\.pattern/);
  await assert.rejects(check({ header: 'x y' }), /with\.header.*name of a header/);
  await assert.rejects(check({ hash_key: { env: 'X' } }), /hash_key.*hash_in_logs/);
  const { warnings } = await check({ hash_in_logs: true, hash_key: { env: 'NOT_SET' } });
  assert.match(warnings[0]?.message ?? '', /is not there: set environment variable NOT_SET/);
});
