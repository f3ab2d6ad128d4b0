import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileGlob } from '../../src/pipeline/glob.ts';
import { compileRollout } from '../../src/pipeline/rollout.ts';
import type { RequestContext } from '../../src/policy.ts';
import { startProvider } from '../support/fake-provider.ts';
import { startProxy } from '../support/start-proxy.ts';

test('globs: * within a segment, ** across, everything else literal', () => {
  const cases: [glob: string, text: string, matches: boolean][] = [
    ['gpt-*', 'gpt-4o', true],
    ['gpt-*', 'gpt-4/x', false],
    ['gpt-**', 'gpt-4/x', true],
    ['*', '', true],
    ['*', 'a/b', false],
    ['**', 'a/b', true],
    ['/v1/*/x', '/v1/a/x', true],
    ['/v1/*/x', '/v1/a/b/x', false],
    ['/v1/**/x', '/v1/a/b/x', true],
    ['/v1/**', '/v1', false],
    ['a.c', 'abc', false],
    ['a*b*c', 'a1b2c', true],
    ['a*b*c', 'a1b2', false],
    ['*a*', 'bab', true],
    ['', '', true],
    ['', 'a', false],
  ];
  for (const [glob, text, matches] of cases) assert.equal(compileGlob(glob)(text), matches, `${glob} ~ ${text}`);
});

test('a hostile text takes linear time', () => {
  const started = performance.now();
  assert.equal(compileGlob('*a*a*a*a*a*a*b')('a'.repeat(16_384)), false);
  assert.ok(performance.now() - started < 2000);
});

test('a rollout acts on the same keys each time, in its share, and independently by id', () => {
  const acts = (share: number, id: string) => {
    const chosen = compileRollout(share, id);
    return (i: number) =>
      chosen?.({ identity: undefined, client: { ip: `10.0.${i >> 8}.${i & 255}` } } as RequestContext) ?? true;
  };
  const [a, again, b] = [acts(0.25, 'a'), acts(0.25, 'a'), acts(0.25, 'b')];
  const keys = Array.from({ length: 10_000 }, (_, i) => i);
  assert.ok(Math.abs(keys.filter(a).length - 2500) < 200);
  assert.ok(keys.every((i) => a(i) === again(i)));
  assert.ok(Math.abs(keys.filter((i) => a(i) && b(i)).length - 625) < 150);
  assert.ok(keys.every(acts(1, 'a')));
  assert.ok(!keys.some(acts(0, 'a')));
});

test('every key of `when` narrows, lists mean any of', async (t) => {
  const provider = await startProvider({ t });
  const conditions: [when: object, denied: boolean][] = [
    [{ path: '/v1/models' }, true],
    [{ path: ['/v2/**', '/v1/*'] }, true],
    [{ path: '/openai/**' }, false],
    [{ method: 'get' }, true],
    [{ method: ['POST', 'PUT'] }, false],
    [{ route: '/openai' }, true],
    [{ upstream: 'openai' }, true],
    [{ header: { 'X-Game': 'chess*' } }, true],
    [{ header: { 'x-game': 'go' } }, false],
    [{ header: { 'x-other': '**' } }, false],
    [{ client: ['127.0.0.0/8', '::1/128'] }, true],
    [{ client: '10.0.0.0/8' }, false],
    [{ identity: '**' }, false],
    [{ tag: 'paid' }, false],
    [{ path: '/v1/models', method: 'POST' }, false],
    [{ path: '/v1/models', method: 'GET', client: '127.0.0.1' }, true],
  ];
  for (const [when, denied] of conditions) {
    const policies = [{ policy: 'ip-access', when, with: { deny: ['0.0.0.0/0'] } }];
    const proxy = await startProxy({ upstream: provider.url, policies }, { t });
    const answer = await fetch(`${proxy.url}/openai/v1/models`, { headers: { 'x-game': 'chess-2' } });
    assert.equal(answer.status, denied ? 403 : 200, JSON.stringify(when));
    await proxy.close();
  }
});

test('enabled: false switches off; limits side by side are taken together or not at all', async (t) => {
  const provider = await startProvider({ t });
  const off = await startProxy(
    { upstream: provider.url, policies: [{ policy: 'ip-access', enabled: false, with: { deny: ['0.0.0.0/0'] } }] },
    { t },
  );
  assert.equal((await fetch(`${off.url}/openai/v1/models`)).status, 200);

  const policies = [
    { policy: 'request-rate', id: 'wide', with: { limit: 3, per: '1h', key: 'global' } },
    { policy: 'request-rate', id: 'narrow', with: { limit: 1, per: '1h', key: 'header:x-player-id' } },
  ];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t });
  const ask = (player: string) => fetch(`${proxy.url}/openai/v1/models`, { headers: { 'x-player-id': player } });
  assert.equal((await ask('a')).status, 200);
  const refused = await ask('a');
  assert.equal(refused.status, 429);
  assert.match(refused.headers.get('ratelimit') ?? '', /^"narrow";r=0;t=\d+$/, 'the nearest limit');
  assert.equal(refused.headers.get('ratelimit-policy'), '"wide";q=3;w=3600, "narrow";q=1;w=3600');
  for (const player of ['a', 'a', 'a']) assert.equal((await ask(player)).status, 429);
  assert.deepEqual(
    [(await ask('b')).status, (await ask('c')).status],
    [200, 200],
    'refusals cost the other limit nothing',
  );
  assert.equal((await ask('d')).status, 429);
});
