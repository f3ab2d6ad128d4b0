import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProvider } from '../support/fake-provider.ts';
import { mountSecret } from '../support/mounted-secret.ts';
import { startProxy } from '../support/start-proxy.ts';
import { rotateUnderLoad } from './rotate-under-load.ts';

test('ten rotations under load: no request with an old key two seconds after, none fails', (t) =>
  rotateUnderLoad(t, 10));

test('a key that the provider revoked at the swap costs no request: it goes again with the new value', async (t) => {
  const secret = await mountSecret(t, 'old');
  const revoked = Promise.withResolvers<void>();
  const provider = await startProvider({
    t,
    handle: ({ headers }, message, response) => {
      if (headers.authorization !== 'Bearer old') return false;
      message.resume();
      void revoked.promise.then(() => response.writeHead(401).end());
      return true;
    },
  });
  const policies = [{ policy: 'key-injection', with: { keys: [{ file: secret.file }] } }];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t });
  const ask = async () => (await fetch(`${proxy.url}/openai/v1/models`, { method: 'POST', body: '{}' })).status;
  const asked = [ask()];
  await provider.nextHead();
  await secret.publish('new');
  const swapped = performance.now();
  for (;;) {
    asked.push(ask());
    if ((await provider.nextHead()).headers.authorization === 'Bearer new') break;
    assert.ok(performance.now() - swapped < 2000, 'the new value is used in time');
  }
  revoked.resolve();
  assert.deepEqual(new Set(await Promise.all(asked)), new Set([200]));
  assert.ok(!proxy.logs.some(({ msg }) => String(msg).includes('refuses a key')), 'nothing is said of the new value');
  assert.match(await proxy.metrics(), /^sluice_key_state\{upstream="openai",key_id="1\.2"\} 1$/m);
});
