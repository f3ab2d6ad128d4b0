import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startProvider } from '../support/fake-provider.ts';
import { startProxy } from '../support/start-proxy.ts';

test('two upstreams with a key each: each key is seen by its own upstream and nowhere else', async (t) => {
  const [one, two] = [await startProvider({ t }), await startProvider({ t })];
  const yaml = `
listen: 127.0.0.1:0
admin: 127.0.0.1:0
upstreams:
  one: { url: "${one.url}", dialect: openai, allow_private: true }
  two: { url: "${two.url}", dialect: anthropic, allow_private: true }
routes: [{ path: /one, upstream: one }, { path: /two, upstream: two }]
policies:
  - { policy: key-injection, id: key-one, when: { upstream: one }, with: { keys: [{ env: ONE }] } }
  - { policy: key-injection, id: key-two, when: { upstream: two }, with: { keys: [{ env: TWO }] } }
`;
  const proxy = await startProxy(yaml, { t, env: { ONE: 'canary-one', TWO: 'canary-two' } });
  await fetch(`${proxy.url}/one/v1/models`);
  await fetch(`${proxy.url}/two/v1/messages`, { method: 'POST', body: '{}' });
  assert.deepEqual(one.requests[0]?.headerLines('authorization'), ['Bearer canary-one']);
  assert.deepEqual(two.requests[0]?.headerLines('x-api-key'), ['canary-two']);
  assert.deepEqual(two.requests[0]?.headerLines('authorization'), []);
  const told = [
    JSON.stringify(proxy.logs),
    await proxy.metrics(),
    await (await fetch(`${proxy.adminUrl}/config`)).text(),
    await (await fetch(`${proxy.adminUrl}/health`)).text(),
  ].join();
  assert.ok(!told.includes('canary'), 'no key in logs, metrics, /config, /health');
});

test('a key file that a mounted Secret swaps is picked up without a restart', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-key-'));
  t.after(() => rm(folder, { recursive: true }));
  const publish = async (version: string) => {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'key'), `${version}-key\n`);
    await symlink(version, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  await publish('first');
  await symlink('..data/key', join(folder, 'key'));
  const provider = await startProvider({ t });
  const policies = [{ policy: 'key-injection', with: { keys: [{ file: join(folder, 'key') }] } }];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t });
  await fetch(`${proxy.url}/openai/v1/models`);
  assert.deepEqual(provider.requests[0]?.headerLines('authorization'), ['Bearer first-key']);
  await publish('second');
  const swapped = performance.now();
  for (;;) {
    await fetch(`${proxy.url}/openai/v1/models`);
    if (provider.requests.at(-1)?.headerLines('authorization')[0] === 'Bearer second-key') break;
    assert.ok(performance.now() - swapped < 2000, 'within two seconds');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test('a key that is missing, or no header value, is a 503 that shows nothing of it', async (t) => {
  const provider = await startProvider({ t });
  const start = (env: Record<string, string>, keys: object[]) =>
    startProxy({ upstream: provider.url, policies: [{ policy: 'key-injection', with: { keys } }] }, { t, env });
  const cases: [env: Record<string, string>, keys: object[]][] = [
    [{}, [{ env: 'KEY' }]],
    [{ KEY: '  ' }, [{ env: 'KEY' }]],
    [{ KEY: 'secret\r\nx-evil: 1' }, [{ env: 'KEY' }]],
    [{}, [{ file: '/nonexistent/secret-path' }]],
  ];
  for (const [env, keys] of cases) {
    const proxy = await start(env, keys);
    const answer = await fetch(`${proxy.url}/openai/v1/models`);
    const body = await answer.text();
    assert.equal(answer.status, 503);
    assert.match(body, /"code":"key_missing"/);
    assert.doesNotMatch(body, /evil|secret/);
  }
  assert.equal(provider.requests.length, 0);
  const detailOf = async (env: Record<string, string>, keys: object[]) =>
    JSON.parse(await (await fetch(`${(await start(env, keys)).url}/openai/v1/models`)).text()).detail;
  const both = [{ env: 'KEY' }, { file: '/nonexistent/secret-path' }];
  assert.equal(
    await detailOf({}, both),
    'No key for upstream "openai": set environment variable KEY or the file of keys[1].',
  );
  assert.equal(
    await detailOf({ KEY: 'a b' }, both),
    'The key for upstream "openai" (environment variable KEY) is not a valid header value.',
  );
  for (const name of ['constructor', 'toString', '__proto__'])
    assert.match(
      await detailOf({}, [{ env: name }]),
      /set environment variable/,
      'what every object has is no variable',
    );
  const second = await start({ B: 'from-b' }, [{ env: 'A' }, { env: 'B' }]);
  await fetch(`${second.url}/openai/v1/models`);
  assert.deepEqual(provider.requests[0]?.headerLines('authorization'), ['Bearer from-b'], 'the first that is set');
});

test('the header can be said', async (t) => {
  const provider = await startProvider({ t });
  const policies = [
    { policy: 'key-injection', with: { keys: [{ env: 'KEY' }], header: { name: 'x-my-key', prefix: 'Key ' } } },
  ];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t, env: { KEY: 'k' } });
  await fetch(`${proxy.url}/openai/v1/models`);
  assert.deepEqual(provider.requests[0]?.headerLines('x-my-key'), ['Key k']);
  assert.deepEqual(provider.requests[0]?.headerLines('authorization'), []);
});
