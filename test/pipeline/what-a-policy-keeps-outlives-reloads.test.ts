import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { definePolicy } from '../../src/policy.ts';
import { type Proxy as Sluice, startProxy } from '../support/start-proxy.ts';

test('a kept thing is the same over reloads, good and failed ones, belongs to an id and a mode, and is closed once', async (t) => {
  const made: string[] = [];
  const closed: string[] = [];
  const keeper = definePolicy({
    name: 'keeper',
    summary: 'keeps',
    schema: Type.Object({ fail: Type.Boolean({ default: false }) }),
    setup({ id, mode, config, keep }) {
      const thing = keep('thing', () => {
        made.push(`${id} ${mode}`);
        return { uses: 0, close: () => void closed.push(`${id} ${mode}`) };
      });
      thing.uses++;
      if (config.fail) throw new Error('made by the test');
      return {};
    },
  });
  const entry = (id: string, more: object = {}) => ({ policy: 'keeper', id, ...more });
  const config = (...policies: object[]): Parameters<Sluice['reload']>[0] => ({
    upstream: 'http://127.0.0.1:1',
    policies,
  });
  const proxy = await startProxy(config(entry('a'), entry('b')), { t, policies: [keeper] });
  await proxy.reload(config(entry('a'), entry('b')));
  await assert.rejects(proxy.reload(config(entry('a'), entry('c', { with: { fail: true } }))));
  assert.deepEqual(made, ['a enforce', 'b enforce', 'c enforce']);
  assert.deepEqual(closed, ['c enforce'], 'what only the failed one had');
  await proxy.reload(config(entry('a', { mode: 'shadow' })));
  assert.deepEqual(made.slice(3), ['a shadow']);
  assert.deepEqual(closed.slice(1).sort(), ['a enforce', 'b enforce']);
  await proxy.close();
  assert.deepEqual(closed.slice(3), ['a shadow']);
});
