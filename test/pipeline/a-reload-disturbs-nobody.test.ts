import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import Type from 'typebox';
import { policies } from '../../policies/index.ts';
import { createApp } from '../../src/app.ts';
import { definePolicy } from '../../src/policy.ts';
import { startProvider } from '../support/fake-provider.ts';
import { LogLines } from '../support/log-lines.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { yamlFile } from '../support/spawn-sluice.ts';

async function start(
  t: TestContext,
  upstream: string,
  entries: object[],
  more: Parameters<typeof definePolicy>[0][] = [],
) {
  const file = await yamlFile(proxyYaml({ upstream, policies: entries }), { t });
  const registry = new Map(policies);
  for (const policy of more) registry.set(policy.name, policy);
  const app = await createApp({ files: [file], policies: registry, env: {}, log: { destination: new LogLines() } });
  t.after(() => app.close({ drainMs: 0 }));
  await app.listen();
  const url = `http://127.0.0.1:${app.proxyAddresses[0]?.port}/openai/v1`;
  const change = async (next: object[]) => {
    await writeFile(file, proxyYaml({ upstream, policies: next }));
    return app.reload();
  };
  return { app, url, change };
}

test('a running stream keeps its pipeline, whose policies are closed only after it; a load that fails starts none', async (t) => {
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const provider = await startProvider({ t, tokens: ['a', 'b'], gate: ({ index }) => (index > 1 ? gate : undefined) });
  const said: string[] = [];
  const probe = definePolicy({
    name: 'probe',
    summary: 'Says when it is closed.',
    schema: Type.Object({ name: Type.String() }, { additionalProperties: false }),
    setup: ({ config }) => ({
      request: () => ({ end: () => void said.push(`${config.name} end`) }),
      start: () => void said.push(`${config.name} start`),
      close: () => void said.push(`${config.name} close`),
    }),
  });
  const { app, url, change } = await start(t, provider.url, [{ policy: 'probe', with: { name: 'old' } }], [probe]);
  const body = JSON.stringify({ model: 'm', stream: true, messages: [] });
  const stream = await fetch(`${url}/chat/completions`, { method: 'POST', body });
  assert.equal((await change([{ policy: 'probe', with: { name: 'new' } }])).ok, true);
  const broken = [
    { policy: 'probe', with: { name: 'broken' } },
    { policy: 'request-rate', with: { limit: 1, per: 0 } },
  ];
  assert.equal((await change(broken)).ok, false);
  assert.deepEqual(said, ['old start', 'new start', 'broken close']);
  open();
  assert.match(await stream.text(), /\[DONE\]/);
  await app.close();
  assert.deepEqual(said.slice(3), ['old end', 'old close', 'new close']);
});

test('thirty reloads under traffic fail no request and keep the connection', async (t) => {
  const provider = await startProvider({ t });
  const { url, change } = await start(t, provider.url, []);
  let running = true;
  const statuses: number[] = [];
  const traffic = (async () => {
    while (running) {
      const answer = await fetch(`${url}/models`);
      await answer.arrayBuffer();
      statuses.push(answer.status);
    }
  })();
  for (let i = 0; i < 30; i++) {
    const result = await change([{ policy: 'headers', with: { response: { set: { 'x-generation': String(i) } } } }]);
    assert.equal(result.ok, true);
  }
  running = false;
  await traffic;
  assert.ok(statuses.length > 10);
  assert.deepEqual([...new Set(statuses)], [200]);
  assert.equal(provider.connections, 1, 'an unchanged upstream keeps its connections');
});

test('a limit keeps what was used over a reload that changes it; a bad reload changes nothing', async (t) => {
  const provider = await startProvider({ t });
  const limit = (most: unknown) => [
    { policy: 'request-rate', id: 'mine', with: { limit: most, per: '1h', key: 'global' } },
  ];
  const { url, change } = await start(t, provider.url, limit(10));
  const ask = async () => (await fetch(`${url}/models`)).status;
  for (let i = 0; i < 5; i++) assert.equal(await ask(), 200);
  const bad = await change(limit('many'));
  assert.equal(bad.ok, false);
  assert.match(bad.problems[0]?.path ?? '', /policies\[0\]\.with\.limit/);
  assert.equal((await change(limit(6))).ok, true);
  assert.equal(await ask(), 200);
  assert.equal(await ask(), 429);
});

test('two apps live side by side in one process', async (t) => {
  const provider = await startProvider({ t });
  const limit = [{ policy: 'request-rate', with: { limit: 1, per: '1h', key: 'global' } }];
  const [one, two] = await Promise.all([start(t, provider.url, limit), start(t, provider.url, limit)]);
  assert.equal((await fetch(`${one.url}/models`)).status, 200);
  assert.equal((await fetch(`${one.url}/models`)).status, 429);
  assert.equal((await fetch(`${two.url}/models`)).status, 200);
  await one.app.close({ drainMs: 0 });
  assert.equal((await fetch(`${two.url}/models`)).status, 429);
});
