import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLimitStore } from '../../src/limits/create.ts';
import { commandAt, stopRedis } from '../support/redis-process.ts';
import { startSentinels } from '../support/redis-sentinel.ts';
import { Log, load } from './take-load.ts';

describe('Sentinels', { timeout: 60_000 }, () => {
  it('the primary is killed under 200 takes a second: no take fails, the replica takes over, one line each way', async (t) => {
    const { url, primary, replica } = await startSentinels(t, { sentinels: 3 });
    const log = new Log();
    const store = await createLimitStore({ redis: { url }, log });
    t.after(() => store.close());
    assert.equal(store.state(), 'ok', log.lines.join('\n'));
    const stop = load(t, store);
    const killed = performance.now();
    await stopRedis(primary.process);
    await log.count(2);
    assert.equal(store.state(), 'degraded');
    await log.count(3);
    t.diagnostic(`shared again ${Math.round(performance.now() - killed)} ms after the primary died; ${log.lines[1]}`);
    await stop();
    assert.equal(log.lines.length, 3, log.lines.join('\n'));
    assert.match(String(await commandAt(replica.port, 'INFO', 'replication')), /role:master/);
    assert.match(String(await commandAt(replica.port, 'DBSIZE')), /^[1-9]/, 'takes are counted there');
  });

  it('a wrong password of Redis or of the Sentinels is told without being told; the right ones work', async (t) => {
    const { url } = await startSentinels(t, { password: 'data-canary', sentinelPassword: 'watch-canary' });
    const states: string[] = [];
    const log = new Log();
    for (const redis of [
      { url, sentinelPassword: 'watch-canary' },
      { url: url.replace('data-canary', 'bad-canary'), sentinelPassword: 'watch-canary' },
      { url, sentinelPassword: 'bad-canary' },
    ]) {
      const store = await createLimitStore({ redis, log });
      t.after(() => store.close());
      states.push(store.state());
    }
    assert.deepEqual(states, ['ok', 'degraded', 'degraded'], log.lines.join('\n'));
    assert.equal(log.lines.length, 3, log.lines.join('\n'));
    assert.doesNotMatch(log.lines.join(), /canary/);
    t.diagnostic(log.lines.join('; '));
  });
});
