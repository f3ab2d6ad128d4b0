import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policies } from '../../policies/index.ts';
import { checkConfig } from '../../src/app.ts';
import { startProvider } from '../support/fake-provider.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { attemptSpans, startTraced } from '../support/traced-proxy.ts';
import { startPool } from './key-pool.ts';

test('failover uses the first key as long as it can', async (t) => {
  const pool = await startPool(t, ['a', 'b']);
  for (let i = 0; i < 3; i++) await pool.ask();
  assert.deepEqual(pool.seen(), ['a', 'a', 'a']);
});

test('failover comes back to a key whose rest is over', async (t) => {
  const pool = await startPool(t, ['a', 'b']);
  pool.answers.set('a', { status: 429, headers: { 'retry-after-ms': '1' } });
  await pool.ask();
  pool.answers.clear();
  assert.deepEqual(pool.seen(), ['a', 'b']);
  const began = performance.now();
  while (pool.seen().at(-1) !== 'a') {
    await pool.ask();
    assert.ok(performance.now() - began < 5_000, 'a is used again');
  }
  assert.deepEqual(await pool.series('sluice_key_state'), ['a.1 1', 'b.1 1']);
});

test('round_robin takes each usable key in turn', async (t) => {
  const pool = await startPool(t, ['a', 'b', 'c'], { with: { pick: 'round_robin' } });
  pool.answers.set('b', { status: 401 });
  for (let i = 0; i < 5; i++) assert.equal((await pool.ask()).status, 200);
  assert.deepEqual(pool.seen(), ['a', 'b', 'c', 'a', 'c', 'a']);
});

test('least_limited takes the key of which the provider told the most room, those of which nothing is known first', async (t) => {
  const pool = await startPool(t, ['a', 'b', 'c'], { with: { pick: 'least_limited' } });
  const room = (left: number) => ({
    status: 200,
    headers: { 'x-ratelimit-remaining-requests': String(left), 'x-ratelimit-limit-requests': '100' },
  });
  pool.answers.set('a', room(10)).set('b', room(90)).set('c', room(50));
  for (let i = 0; i < 5; i++) await pool.ask();
  pool.answers.set('b', room(20));
  for (let i = 0; i < 3; i++) await pool.ask();
  assert.deepEqual(pool.seen(), ['a', 'b', 'c', 'b', 'b', 'b', 'c', 'c']);
});

test('each attempt of a trace says which key it carried', async (t) => {
  const provider = await startProvider({
    t,
    override: ({ headers }) => (headers.authorization === 'Bearer canary-1' ? { status: 401 } : undefined),
  });
  const keys = [{ env: 'ONE', name: 'main' }, { env: 'TWO' }];
  const policies = [{ policy: 'key-injection', with: { keys } }];
  const { proxy, finish } = await startTraced(
    t,
    { upstream: provider.url, policies },
    { sample: 1 },
    {
      env: { ONE: 'canary-1', TWO: 'canary-2' },
    },
  );
  await fetch(`${proxy.url}/openai/v1/chat/completions`, { method: 'POST', body: '{"model":"gpt-4o"}' });
  const spans = await finish();
  const ids = attemptSpans(spans).map(({ attributes }) => attributes['sluice.key_id']);
  assert.deepEqual(ids, ['main.1', '2.1']);
  assert.ok(!JSON.stringify(spans).includes('canary'));
});

test('a shadow entry sets no key, learns nothing and has no series', async (t) => {
  const pool = await startPool(t, ['a', 'b']);
  const real = {
    policy: 'key-injection',
    with: {
      keys: [
        { env: 'A', name: 'a' },
        { env: 'B', name: 'b' },
      ],
    },
  };
  const shadow = { ...real, id: 'imagined', mode: 'shadow', with: { keys: [{ env: 'B', name: 'imagined' }] } };
  await pool.proxy.reload({ upstream: pool.provider.url, policies: [shadow, real] });
  pool.answers.set('a', { status: 401 });
  assert.equal((await pool.ask()).status, 200);
  assert.deepEqual(pool.seen(), ['a', 'b']);
  assert.deepEqual(
    pool.told().map(({ key_id }) => key_id),
    ['a.1'],
  );
  assert.deepEqual(await pool.series('sluice_key_state'), ['a.1 -1', 'b.1 1']);
});

test('a header that can carry no key is a located error, not a fault of every request', async () => {
  const check = (header: object) => {
    const entry = { policy: 'key-injection', with: { keys: [{ env: 'A' }], header } };
    return checkConfig({ yaml: proxyYaml({ upstream: 'http://127.0.0.1:1', policies: [entry] }), policies, env: {} });
  };
  for (const name of ['x key', 'x:', 'schl\u00fcssel'])
    await assert.rejects(check({ name }), /:\d+:\d+ .*header\.name .*no header name/);
  for (const name of ['Host', 'content-length', 'transfer-encoding', 'connection', 'te', 'upgrade', 'expect'])
    await assert.rejects(check({ name }), /:\d+:\d+ .*header\.name .*cannot carry a key/);
  for (const prefix of ['a\nb', '\u043a '])
    await assert.rejects(check({ name: 'x-key', prefix }), /:\d+:\d+ .*header\.prefix .*does not allow/);
  await check({ name: 'X-My-Key', prefix: 'Key ' });
});

test('one key listed twice, and one name given twice, are located errors', async () => {
  const check = (keys: object[]) =>
    checkConfig({
      yaml: proxyYaml({ upstream: 'http://127.0.0.1:1', policies: [{ policy: 'key-injection', with: { keys } }] }),
      policies,
      env: {},
    });
  await assert.rejects(
    check([{ env: 'A' }, { file: '/f' }, { env: 'A' }]),
    /:\d+:\d+ .*keys\[2\] .*same key as keys\[0\]/,
  );
  await assert.rejects(check([{ file: '/f' }, { file: '/f' }]), /keys\[1\] .*same key as keys\[0\]/);
  await assert.rejects(
    check([
      { env: 'A', name: 'x' },
      { env: 'B', name: 'x' },
    ]),
    /:\d+:\d+ .*keys\[1\]\.name .*name of keys\[0\]/,
  );
  await assert.rejects(check([{ env: 'A', file: '/f' }]), /must be either/);
  await check([{ env: 'A', name: 'x' }, { env: 'B' }]);
});
