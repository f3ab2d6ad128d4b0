import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryStore } from '../../src/limits/memory-store.ts';
import { redisKey } from '../../src/limits/redis-script.ts';
import { collectGarbage } from '../../src/resources/garbage.ts';
import { startRedis } from '../support/redis.ts';
import { claimOf, freshWindow, openRedisStore } from './stores.ts';

const KEYS = 1_000_000;
const MIB = 1024 * 1024;

/** Bytes of this process's heap that are alive. */
function liveHeap(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** An address of IPv6, as limits count it. */
const keyOf = (i: number) => `ip:2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::/64`;

it('a million keys in this process: the hundred thousand used last stay, in bounded memory', async (t) => {
  const store = new MemoryStore();
  const window = freshWindow(60, 60_000);
  const before = liveHeap();
  const sizes: number[] = [];
  for (let i = 0; i < KEYS; i++) {
    store.take([claimOf(window, keyOf(i))]);
    if ((i + 1) % 250_000 === 0) sizes.push(liveHeap() - before);
  }
  t.diagnostic(`process: ${sizes.map((size) => (size / MIB).toFixed(1)).join(', ')} MiB after each 250,000 keys`);
  assert.equal(store.size, 100_000);
  assert.ok((sizes.at(-1) ?? 0) < 64 * MIB);
  assert.ok((sizes.at(-1) ?? 0) < (sizes[0] ?? 0) * 1.2 + MIB, 'it has stopped growing');
});

it('a million keys in Redis: so many bytes each, nothing of them in the process, and all of them expire', async (t) => {
  const redis = await startRedis(t);
  const { store, client } = await openRedisStore(t, undefined, redis.url);
  const memory = async () => Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]);
  const perMs = 600_000;
  const window = freshWindow(60, perMs);
  const [redisBefore, before] = [await memory(), liveHeap()];
  for (let i = 0; i < KEYS; i += 1000) {
    await Promise.all(Array.from({ length: 1000 }, (_, n) => store.take([claimOf(window, keyOf(i + n))])));
  }
  const [used, size] = [(await memory()) - redisBefore, await client.dbsize()];
  const grown = liveHeap() - before;
  t.diagnostic(
    `Redis: ${(used / MIB).toFixed(1)} MiB for ${size} keys, ${Math.round(used / size)} bytes each; process: ${(grown / MIB).toFixed(1)} MiB more`,
  );
  assert.ok(used / size < 300, 'bytes for each key');
  assert.ok(grown < 16 * MIB, 'the process keeps nothing of them');
  assert.ok(size >= KEYS);
  for (let i = 0; i < KEYS; i += 10_007) {
    const ttl = await client.pttl(redisKey(window, keyOf(i)));
    assert.ok(ttl > 0 && ttl <= perMs * 1.05, `${ttl} ms`);
  }
});
