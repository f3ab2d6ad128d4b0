import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { readMutated } from './mutated-streams.ts';

setFlagsFromString('--expose-gc');
globalThis.gc ??= process.getBuiltinModule('node:vm').runInNewContext('gc');

test('a hundred thousand mutated streams: never a throw, memory bounded', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const { grown, terminated, estimated, failed } = await readMutated(100_000, seed);
  t.diagnostic(`grown ${grown} bytes, terminated ${terminated}, estimated ${estimated}, with an error ${failed}`);
  assert.ok(grown < 16 * 1024 * 1024, `${grown} bytes`);
  assert.ok(terminated > 10_000 && estimated > 5000 && failed > 250);
});
