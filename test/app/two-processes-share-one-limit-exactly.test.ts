import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProvider } from '../support/fake-provider.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { testRedisUrl } from '../support/redis.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

test('of 300 requests sent at once to two processes with a limit of 100, exactly 100 pass', async (t) => {
  const redis = await testRedisUrl(t);
  const provider = await startProvider({ t });
  const policies = [
    {
      policy: 'request-rate',
      id: `shared-${process.pid}-${Date.now()}`,
      with: { limit: 100, per: '1m', key: 'global' },
    },
  ];
  const file = await yamlFile(proxyYaml({ upstream: provider.url, policies, extra: { redis: { url: redis } } }), { t });
  const processes = [spawnSluice(['--config', file], {}, { t }), spawnSluice(['--config', file], {}, { t })];
  const urls = await Promise.all(processes.map(async (one) => (await one.ready).url));
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      fetch(`${urls[i % 2]}/openai/v1/models`).then(async (answer) => {
        await answer.arrayBuffer();
        return answer;
      }),
    ),
  );
  const passed = answers.filter((answer) => answer.status === 200);
  const refused = answers.filter((answer) => answer.status === 429);
  assert.equal(passed.length, 100);
  assert.equal(refused.length, 200);
  assert.equal(provider.requests.length, 100);
  for (const answer of refused) assert.ok(Number(answer.headers.get('retry-after')) >= 1);
});
