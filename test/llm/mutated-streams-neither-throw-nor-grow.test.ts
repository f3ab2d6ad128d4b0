import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { readMutated } from './mutated-streams.ts';

setFlagsFromString('--expose-gc');
globalThis.gc ??= process.getBuiltinModule('node:vm').runInNewContext('gc');

test('two thousand mutated streams: never a throw, memory bounded', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const { grown, terminated, estimated, failed } = await readMutated(2000, seed);
  t.diagnostic(`grown ${grown} bytes, terminated ${terminated}, estimated ${estimated}, with an error ${failed}`);
  assert.ok(grown < 16 * 1024 * 1024, `${grown} bytes`);
  // They are broken, but not so much that nothing is read.
  assert.ok(terminated > 200 && estimated > 100 && failed > 5);
});
