/** The run with its assertions, for the short and the long test. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { assertCallersWereKnown, assertKeysWereChanged } from './assert-what-happened.ts';
import { kinds } from './exchanges.ts';
import { describeLeaks, judge } from './judge.ts';
import { CRASHING_FROM, runCanary } from './run.ts';

/** Runs so many exchanges and asserts that every secret was where it belongs and nowhere else. */
export async function assertNothingLeaks(t: TestContext, exchanges: number): Promise<void> {
  const scene = await runCanary(t, exchanges);
  const { captures } = scene;
  const text = (sink: string) => captures.bytes(sink).toString('latin1');
  // What was captured is what there was to see.
  const lines = text('log').match(/"msg":"exchange"/g)?.length ?? 0;
  assert.ok(lines > exchanges * 0.8, `${lines} lines of the access log for ${exchanges} exchanges`);
  // Spans are lost while the collector is dead, but not for ever.
  for (const sink of ['log', 'spans']) {
    const turns = [...text(sink).matchAll(/run-(\d+)/g)].map(([, turn]) => Number(turn));
    const late = turns.filter((turn) => turn >= exchanges - 2 * kinds.length && turn < CRASHING_FROM).length;
    assert.ok(turns.includes(0) && late > 0, `${turns.length} ids in ${sink}, ${late} of them late`);
  }
  assert.match(text('admin /metrics'), /sluice_requests_total\{/);
  assert.match(text('admin /config'), /"x-tenant"/);
  assert.match(text('admin /config'), /"identity":\s*"by-bearer"/);
  assert.match(text('files'), /"javascriptStack"/);
  assert.match(text('Redis keys'), /authorization#/);
  assertKeysWereChanged(scene);
  assertCallersWereKnown(text('log'));
  assert.ok(scene.tls.proofs > 0, 'the private key of the client certificate has been used');

  const { leaks, unsent } = judge(scene);
  assert.equal(leaks.length, 0, describeLeaks(leaks));
  assert.deepEqual(unsent, []);
}
