import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLimitStore } from '../../src/limits/create.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { commandAt, stopRedis, until } from '../support/redis-process.ts';
import { Log, load } from './take-load.ts';

describe('while takes of keys on all shards go on', { timeout: 60_000 }, () => {
  for (const [name, signal] of [
    ['killed and started again', 'SIGKILL'],
    ['stopped and continued', 'SIGSTOP'],
  ] as const) {
    it(`one node is ${name}: no take fails, one line each way`, async (t) => {
      const { url, nodes } = await startCluster(t);
      const [first, second] = nodes;
      assert.ok(first !== undefined && second !== undefined);
      const log = new Log();
      const store = await createLimitStore({ redis: { url }, log });
      t.after(() => store.close());
      assert.equal(store.state(), 'ok', log.lines.join('\n'));
      const stop = load(
        t,
        store,
        Array.from({ length: 30 }, (_, i) => `player-${i}`),
      );
      if (signal === 'SIGKILL') await stopRedis(second.process);
      else second.process.kill(signal);
      await log.count(2);
      assert.equal(store.state(), 'degraded');
      // Long enough for several probes, which the other shards would answer.
      await until(first.port, ['CLUSTER', 'NODES'], /[^?]fail/);
      await new Promise((resolve) => setTimeout(resolve, 2000));
      assert.equal(log.lines.length, 2, log.lines.join('\n'));
      if (signal === 'SIGKILL') await second.restart();
      else second.process.kill('SIGCONT');
      const healed = performance.now();
      await log.count(3);
      t.diagnostic(`recovered ${Math.round(performance.now() - healed)} ms after the node had; ${log.lines[1]}`);
      await stop();
      assert.equal(store.state(), 'ok');
      assert.equal(log.lines.length, 3, log.lines.join('\n'));
      assert.match(String(await commandAt(second.port, 'DBSIZE')), /^[1-9]/, 'its keys are counted there again');
    });
  }
});
