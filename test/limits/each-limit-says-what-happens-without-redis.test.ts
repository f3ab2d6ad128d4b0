import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fallback } from '../../src/limits/fallback.ts';
import { MemoryStore } from '../../src/limits/memory-store.ts';
import type { OnStoreError, Verdict } from '../../src/limits/store.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startRedis } from '../support/redis.ts';
import { startProxy } from '../support/start-proxy.ts';
import { claimOf, freshWindow } from './stores.ts';

const claimWith = (onStoreError: OnStoreError, limit = 2) => claimOf({ ...freshWindow(limit), onStoreError });
const what = (verdicts: readonly Verdict[]) => verdicts.map((v) => [v.allowed, v.granted, v.unchecked === true]);

describe('while the store does not work', () => {
  it('each replica admits its share of a local limit, and one at least', () => {
    for (const [limit, replicas, share] of [
      [100, 1, 100],
      [100, 3, 33],
      [2, 5, 1],
    ] as const) {
      const store = new Fallback(new MemoryStore(), replicas);
      const claim = claimWith('local', limit);
      let passed = 0;
      for (let i = 0; i < 200; i++) if (store.take([claim])[0]?.granted === true) passed++;
      assert.equal(passed, share, `${limit} over ${replicas}`);
      assert.deepEqual(store.usage(claim.window, claim.key).used, share);
    }
  });

  it('a limit that allows lets pass and counts nothing, one that denies refuses, and then the others cost nothing', () => {
    const store = new Fallback(new MemoryStore());
    const [local, allow, deny] = [claimWith('local'), claimWith('allow'), claimWith('deny')];
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(what(store.take([allow])), [[true, true, true]]);
      assert.deepEqual(what(store.take([local, deny, allow])), [
        [true, false, true],
        [false, false, true],
        [true, false, true],
      ]);
    }
    assert.equal(store.usage(local.window, local.key).used, 0);
    assert.deepEqual(what(store.take([allow, local])), [
      [true, true, true],
      [true, true, false],
    ]);
    store.take([local]);
    assert.deepEqual(what(store.take([allow, local])), [
      [true, false, true],
      [false, false, false],
    ]);
  });
});

it('Redis is killed: a request that must not pass uncounted gets 503 with Retry-After, the others go on', async (t) => {
  const redis = await startRedis(t);
  const upstream = await startRawUpstream(
    (exchange) => void exchange.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
    { t },
  );
  const limit = (mode: OnStoreError) => ({
    policy: 'request-rate',
    id: mode,
    when: { header: { 'x-mode': mode } },
    with: { limit: 4, per: '1m', key: 'global', on_store_error: mode },
  });
  const proxy = await startProxy(
    {
      upstream: upstream.url,
      extra: { redis: { url: redis.url, replicas: 2 }, policies: [limit('local'), limit('allow'), limit('deny')] },
    },
    { t },
  );
  const call = async (mode: OnStoreError) => {
    const response = await fetch(`${proxy.url}/openai/x`, { headers: { 'x-mode': mode } });
    const { status, headers } = response;
    const text = await response.text();
    return { status, headers, code: status === 200 ? '' : (JSON.parse(text) as { code: string }).code };
  };
  for (const mode of ['local', 'allow', 'deny'] as const) assert.equal((await call(mode)).status, 200);

  await redis.signal('SIGKILL');
  await proxy.logged(({ msg }) => String(msg).startsWith('Redis does not work'));
  const denied = await call('deny');
  assert.deepEqual([denied.status, denied.code, denied.headers.get('retry-after')], [503, 'limits_unavailable', '1']);
  assert.equal(denied.headers.get('ratelimit'), null, 'nobody knows what is left');
  const statuses = async (mode: OnStoreError) =>
    Promise.all([1, 2, 3, 4, 5].map(async () => (await call(mode)).status));
  assert.deepEqual(await statuses('allow'), [200, 200, 200, 200, 200]);
  assert.deepEqual((await statuses('local')).sort(), [200, 200, 429, 429, 429]);
  assert.equal((await fetch(`${proxy.adminUrl}/readyz`)).status, 200);
  const health = (await (await fetch(`${proxy.adminUrl}/health`)).json()) as { status: string };
  assert.equal(health.status, 'degraded');
  assert.match(await proxy.metrics(), /sluice_redis_state\S* [^1]/);
});
