import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policies } from '../../policies/index.ts';
import { checkConfig } from '../../src/app.ts';
import { proxyYaml, startProxy } from '../support/start-proxy.ts';

const rate = (with_: object = {}) => ({ policy: 'request-rate', with: { limit: 1, per: '1m', ...with_ } });
const bulkhead = { policy: 'concurrency', with: { limit: 1 } };

/** What `sluice check` warns of, with its places. */
async function warned(entries: readonly object[], extra: object = {}): Promise<string[]> {
  const yaml = proxyYaml({ upstream: 'http://127.0.0.1:1', policies: entries, extra });
  const { warnings } = await checkConfig({ yaml, policies, env: {} });
  for (const { severity, message } of warnings) {
    assert.equal(severity, 'warning');
    assert.match(message, /^all clients are on loopback here, so client_ip counts them as one client for each pod/);
  }
  return warnings.map(({ path }) => path);
}

describe('where every client is on loopback, a limit by address', () => {
  it('is told once for each policy at its place', async () => {
    const keyed = { ...rate({ key: ['route', 'client_ip'] }), id: 'keyed' };
    assert.deepEqual(await warned([rate(), keyed, bulkhead]), [
      'policies[0].with.key',
      'policies[1].with.key[1]',
      'policies[2].with.key',
    ]);
    for (const listen of ['localhost:0', ['127.0.0.9:0', { address: '[::1]:0' }], '[::ffff:127.0.0.1]:0']) {
      assert.equal((await warned([rate()], { listen })).length, 1, JSON.stringify(listen));
    }
  });

  it('is not told of limits that count by something else, or are not in use', async () => {
    const others = ['identity', 'header:x-player-id', 'global', ['route', 'model']];
    const entries = others.map((key, i) => ({ ...rate({ key, missing: 'client_ip' }), id: `limit-${i}` }));
    assert.deepEqual(await warned([...entries, { ...rate(), enabled: false }]), []);
  });

  it('is among what is logged at the start', async (t) => {
    const proxy = await startProxy({ upstream: 'http://127.0.0.1:1', policies: [rate()] }, { t });
    assert.deepEqual(
      proxy.app.warnings.map(({ path }) => path),
      ['policies[0].with.key'],
    );
  });
});

it('where others can call, or proxies are believed, addresses tell clients apart', async () => {
  for (const listen of ['0.0.0.0:0', '[::]:0', '192.0.2.1:0', ['127.0.0.1:0', { address: '10.0.0.1:0' }]]) {
    assert.deepEqual(await warned([rate(), bulkhead], { listen }), [], JSON.stringify(listen));
  }
  assert.deepEqual(await warned([rate(), bulkhead], { trusted_proxies: ['127.0.0.0/8'] }), []);
});
