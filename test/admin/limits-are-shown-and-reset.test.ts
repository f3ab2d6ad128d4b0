import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startRedis } from '../support/redis.ts';
import { type Proxy as Sluice, startProxy } from '../support/start-proxy.ts';

const per = (id: string, limit: number, key: string | string[], more: object = {}) => {
  return { policy: 'request-rate', id, with: { limit, per: '1m', key, ...more } };
};

const POLICIES = [
  per('player', 5, 'header:x-player-id'),
  per('token', 5, 'header:x-token'),
  per('address', 50, 'client_ip'),
  per('both', 9, ['header:x-player-id', 'upstream']),
  per('all', 1000, 'global'),
  { ...per('tried', 1, 'header:x-player-id'), mode: 'shadow' },
];

async function setUp(t: TestContext, redis?: string, first: readonly object[] = POLICIES) {
  const upstream = await startRawUpstream(
    (exchange) => void exchange.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
    { t },
  );
  const config = (policies: readonly object[] = first) => ({
    upstream: upstream.url,
    extra: { policies, trusted_proxies: ['127.0.0.0/8'], ...(redis === undefined ? {} : { redis: { url: redis } }) },
  });
  const proxy = await startProxy(config(), { t, env: { POD_NAME: 'pod-1' } });
  return { proxy, config };
}

async function call(proxy: Sluice, headers: Record<string, string>): Promise<number> {
  const response = await fetch(`${proxy.url}/openai/v1/x`, { headers });
  await response.text();
  return response.status;
}

// biome-ignore lint/suspicious/noExplicitAny: the shape of the answer is what the tests assert.
async function ask(proxy: Sluice, query: string, method = 'GET'): Promise<{ status: number; body: any }> {
  const response = await fetch(`${proxy.adminUrl}/limits?${query}`, { method });
  return { status: response.status, body: await response.json() };
}

const who = { 'x-player-id': 'alice', 'x-token': 'canary-token', 'x-forwarded-for': '2001:db8:1:2::3' };

for (const shared of [false, true]) {
  describe(`GET and DELETE /limits, counted ${shared ? 'in Redis' : 'in this process'}`, () => {
    it('show what a key has used of each limit, by its value or by itself, and forget it', async (t) => {
      const redis = shared ? await startRedis(t) : undefined;
      const { proxy } = await setUp(t, redis?.url);
      for (let i = 0; i < 5; i++) assert.equal(await call(proxy, who), 200);
      assert.equal(await call(proxy, who), 429);

      const { status, body } = await ask(proxy, 'key=alice');
      assert.equal(status, 200);
      assert.equal(body.counted_in, shared ? 'redis' : 'the memory of this process');
      const player = body.limits.find((one: { policy: string }) => one.policy === 'player');
      assert.ok(player.reset_ms > 0 && player.reset_ms <= 63_000);
      const { reset_ms: _, ...rest } = player;
      assert.deepEqual(rest, { policy: 'player', key: 'header:x-player-id:alice', limit: 5, used: 5, remaining: 0 });
      assert.deepEqual(
        body.limits.map((one: { policy: string }) => one.policy),
        ['player', 'token'],
        'an address it is not, it names one part of two, and everybody it is not; shadow counts do not matter',
      );

      const address = (await ask(proxy, 'key=2001:db8:1:2:ffff::1&policy=address')).body.limits;
      assert.deepEqual([address[0].key, address[0].used], ['ip:2001:db8:1:2::/64', 5]);
      const both = (await ask(proxy, 'key=alice%7Copenai&policy=both')).body.limits;
      assert.equal(both[0].used, 5);
      const same = (await ask(proxy, `key=${encodeURIComponent(both[0].key)}&policy=both`)).body.limits;
      assert.deepEqual([same[0].key, same[0].used], [both[0].key, 5]);
      const token = await ask(proxy, 'key=canary-token&policy=token');
      assert.equal(token.body.limits[0].used, 5);
      assert.match(token.body.limits[0].key, /^header:x-token#[\w-]{32}$/);

      assert.deepEqual((await ask(proxy, 'key=alice&policy=player', 'DELETE')).body.reset, ['player']);
      assert.deepEqual((await ask(proxy, 'key=alice&policy=player', 'DELETE')).body.reset, []);
      assert.equal(await call(proxy, { ...who, 'x-token': 'another' }), 200);
      assert.equal(await call(proxy, who), 429, 'another limit still refuses');
      assert.equal((await ask(proxy, 'key=alice&policy=player')).body.limits[0].used, 1, 'a refusal costs nothing');
    });
  });
}

it('a reload with another limit keeps what was used: 3 before and 3 after are 3', async (t) => {
  const { proxy, config } = await setUp(t);
  const only = (limit: number) => config([per('player', limit, 'header:x-player-id')]);
  await proxy.reload(only(3));
  for (let i = 0; i < 3; i++) assert.equal(await call(proxy, who), 200);
  await proxy.reload(only(4));
  assert.equal((await ask(proxy, 'key=alice')).body.limits[0].remaining, 1);
  assert.equal(await call(proxy, who), 200);
  assert.equal(await call(proxy, who), 429);
  await proxy.reload(only(2));
  assert.equal(await call(proxy, who), 429);
});

it('what is asked wrongly is answered with what would be right', async (t) => {
  const { proxy } = await setUp(t);
  for (const query of ['', 'key=', `key=${'k'.repeat(1025)}`, 'policy=player']) {
    const { status, body } = await ask(proxy, query);
    assert.equal(status, 400, query);
    assert.match(body.detail, /\/limits\?key=VALUE/);
    assert.deepEqual(body.policies, ['player', 'token', 'address', 'both', 'all']);
  }
  assert.equal((await ask(proxy, 'key=a&policy=tried')).status, 404);
  const posted = await fetch(`${proxy.adminUrl}/limits?key=a`, { method: 'POST' });
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD, DELETE']);
});

it('while Redis does not work this process is asked, and a reset says that it was not whole', async (t) => {
  const redis = await startRedis(t);
  const { proxy } = await setUp(t, redis.url);
  await redis.signal('SIGKILL');
  await proxy.logged(({ msg }) => String(msg).startsWith('Redis does not work'));
  assert.equal(await call(proxy, who), 200);
  const { body } = await ask(proxy, 'key=alice&policy=player');
  assert.deepEqual([body.counted_in, body.limits[0].used], ['the memory of this process, as Redis does not work', 1]);
  const reset = await ask(proxy, 'key=alice', 'DELETE');
  assert.equal(reset.status, 503);
  assert.match(reset.body.detail, /only this process has forgotten/);
  assert.deepEqual([reset.body.reset, reset.body.failed], [[], ['player', 'token']]);
  assert.equal((await ask(proxy, 'key=alice&policy=player')).body.limits[0].used, 0);

  assert.equal(await call(proxy, { ...who, 'x-token': 'alice' }), 200);
  await ask(proxy, 'key=alice', 'DELETE');
  const { limits } = (await ask(proxy, 'key=alice')).body;
  assert.deepEqual(
    limits.map((one: { policy: string; used: number }) => [one.policy, one.used]),
    [
      ['player', 0],
      ['token', 0],
    ],
    'each of them is forgotten here, not only the first',
  );
});

it('a Redis that has stopped delays an answer about slots by the patience of requests, not by seconds', async (t) => {
  const redis = await startRedis(t);
  const { proxy } = await setUp(t, redis.url, [{ policy: 'concurrency', with: { limit: 2, key: 'global' } }]);
  assert.equal(await call(proxy, who), 200);
  await redis.signal('SIGSTOP');
  for (const method of ['GET', 'DELETE']) {
    const from = performance.now();
    const { status, body } = await ask(proxy, 'key=global', method);
    assert.deepEqual([status, body.detail], [503, 'Redis did not answer in time']);
    assert.ok(performance.now() - from < 2500, `${method} took ${performance.now() - from} ms`);
  }
});

it('who is asked about is written as people write it: UTF-8, and addresses only where they are ones', async (t) => {
  const { proxy } = await setUp(t);
  const bytes = Buffer.from('José', 'utf8').toString('latin1');
  assert.equal(await call(proxy, { 'x-player-id': bytes }), 200);
  const [player] = (await ask(proxy, `key=${encodeURIComponent('José')}&policy=player`)).body.limits;
  assert.equal(player.used, 1);
  const shown = (await ask(proxy, `key=${encodeURIComponent(player.key)}&policy=player`)).body.limits;
  assert.equal(shown[0].used, 1, 'the key as it is shown');
  assert.deepEqual((await ask(proxy, `key=${encodeURIComponent('José')}&policy=player`, 'DELETE')).body.reset, [
    'player',
  ]);
  for (const key of ['1', '127.1', '0x7f.1', '010.0.0.1', 'localhost', '%00']) {
    assert.deepEqual((await ask(proxy, `key=${key}&policy=address`)).body.limits, [], key);
  }
  const [address] = (await ask(proxy, 'key=[2001:db8::1%25eth0]&policy=address')).body.limits;
  assert.equal(address.key, 'ip:2001:db8::/64');
});
