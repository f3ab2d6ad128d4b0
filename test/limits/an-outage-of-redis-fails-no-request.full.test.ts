import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startRedis } from '../support/redis.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';
import { proxyYaml } from '../support/start-proxy.ts';

/** Requests are begun so often, whether or not the ones before have been answered. */
const EVERY_MS = 5;

/** What became of the requests that were begun in one phase. */
interface Phase {
  readonly name: string;
  readonly latencies: number[];
  failed: string[];
}

/** Open-loop load; each request counts for the phase in which it was begun. */
function startLoad(t: TestContext, url: string) {
  const pool = new Pool(url, { connections: 64 });
  t.after(() => pool.destroy());
  const phases: Phase[] = [];
  const running = new Set<Promise<void>>();
  const one = async (phase: Phase) => {
    const started = performance.now();
    try {
      const { statusCode, body } = await pool.request({ path: '/openai/x', method: 'GET' });
      await body.dump();
      if (statusCode !== 200) phase.failed.push(String(statusCode));
    } catch (error) {
      phase.failed.push(String(error));
    }
    phase.latencies.push(performance.now() - started);
  };
  let begun = 0;
  const startedAt = performance.now();
  const timer = setInterval(() => {
    // A timer that came late makes up for it.
    for (; begun < (performance.now() - startedAt) / EVERY_MS; begun++) {
      const phase = phases.at(-1);
      if (phase === undefined) continue;
      const done = one(phase).finally(() => running.delete(done));
      running.add(done);
    }
  }, EVERY_MS);
  t.after(() => clearInterval(timer));
  return {
    enter: (name: string) => void phases.push({ name, latencies: [], failed: [] }),
    stop: async () => {
      clearInterval(timer);
      await Promise.all(running);
      return phases;
    },
  };
}

it('200 requests per second while Redis is killed, stopped, flushed, read-only and back: none fails', async (t) => {
  const redis = await startRedis(t);
  const upstream = await startRawUpstream(
    (exchange) => void exchange.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
    { t },
  );
  const policies = ['a', 'b', 'c'].map((id) => {
    return { policy: 'request-rate', id, with: { limit: 1_000_000, per: '1m', key: 'global' } };
  });
  const yaml = proxyYaml({ upstream: upstream.url, extra: { redis: { url: redis.url }, policies } });
  const sluice = spawnSluice(['--config', await yamlFile(yaml, { t })], {}, { t });
  const { url, adminUrl } = await sluice.ready;
  const ready = async () => (await fetch(`${adminUrl}/readyz`)).status;
  const changes = () => sluice.logs.filter(({ store }) => store === 'redis').map(({ msg }) => String(msg));
  const said = async (count: number) => {
    while (changes().length < count) await wait(5);
  };
  await said(1);
  const load = startLoad(t, url);
  load.enter('before');
  await wait(3000);

  const faults: [name: string, hurt: () => Promise<unknown>, heal: () => Promise<unknown>][] = [
    ['killed (SIGKILL)', () => redis.signal('SIGKILL'), () => redis.restart()],
    ['stopped (SIGSTOP)', () => redis.signal('SIGSTOP'), () => redis.signal('SIGCONT')],
    ['read-only', () => redis.command('REPLICAOF', '127.0.0.1', '1'), () => redis.command('REPLICAOF', 'NO', 'ONE')],
  ];
  let lines = 1;
  for (const [name, hurt, heal] of faults) {
    load.enter(name);
    await hurt();
    await said(lines + 1);
    await wait(2000);
    assert.equal(await ready(), 200);
    const health = (await (await fetch(`${adminUrl}/health`)).json()) as { status: string };
    assert.equal(health.status, 'degraded');
    load.enter(`back from ${name}`);
    await heal();
    const healed = performance.now();
    await said(lines + 2);
    t.diagnostic(`${name}: shared again ${Math.round(performance.now() - healed)} ms after Redis was back`);
    lines += 2;
    await wait(1500);
  }
  load.enter('flushed 10 times');
  for (let i = 0; i < 10; i++) {
    await redis.command('FLUSHALL');
    await redis.command('SCRIPT', 'FLUSH');
    await wait(200);
  }
  for (const { name, latencies, failed } of await load.stop()) {
    const sorted = latencies.toSorted((a, b) => a - b);
    const at = (share: number) =>
      (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
    t.diagnostic(`${name}: ${sorted.length} requests, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`);
    assert.ok(sorted.length > 100, `${name}: there was a load`);
    assert.deepEqual(failed, [], name);
  }
  // A machine that is too busy may make Redis late once more; then that is said, too.
  assert.ok(
    changes().every((line, i) => /shared/.test(line) === (i % 2 === 0)),
    `one line for each change of state: ${changes().join('; ')}`,
  );
});
