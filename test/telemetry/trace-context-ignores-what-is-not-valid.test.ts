import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createIds, formatTraceparent, parseTraceparent, shareOf } from '../../src/telemetry/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test('a valid traceparent is read', () => {
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), { traceId: TRACE, spanId: SPAN, sampled: true });
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-00`), { traceId: TRACE, spanId: SPAN, sampled: false });
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-ff`)?.sampled, true, 'unknown flags are ignored');
});

test('a later version is read by its four known fields', () => {
  assert.equal(parseTraceparent(`01-${TRACE}-${SPAN}-01`)?.traceId, TRACE);
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-the-future-will-be`)?.sampled, true);
});

const invalid: Record<string, string | undefined> = {
  absent: undefined,
  empty: '',
  'upper-case trace id': `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  'upper-case span id': `00-${TRACE}-${SPAN.toUpperCase()}-01`,
  'all-zero trace id': `00-${'0'.repeat(32)}-${SPAN}-01`,
  'all-zero span id': `00-${TRACE}-${'0'.repeat(16)}-01`,
  'version ff': `ff-${TRACE}-${SPAN}-01`,
  'version 00 with a fifth field': `00-${TRACE}-${SPAN}-01-extra`,
  'a later version with garbage after its flags': `01-${TRACE}-${SPAN}-01.`,
  'short trace id': `00-${TRACE.slice(1)}-${SPAN}-01`,
  'short flags': `00-${TRACE}-${SPAN}-1`,
  'two lines joined': `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
  'surrounding space': ` 00-${TRACE}-${SPAN}-01`,
  'absurdly long': `01-${TRACE}-${SPAN}-01-${'a'.repeat(10_000)}`,
};
for (const [what, value] of Object.entries(invalid)) {
  test(`invalid and ignored: ${what}`, () => {
    assert.equal(parseTraceparent(value), undefined);
  });
}

test('ids are valid, and different', () => {
  const ids = createIds();
  const seen = new Set<string>();
  for (let i = 0; i < 2000; i += 1) {
    const header = formatTraceparent(ids.traceId(), ids.spanId(), i % 2 === 0);
    assert.equal(parseTraceparent(header)?.sampled, i % 2 === 0, header);
    seen.add(header);
  }
  assert.equal(seen.size, 2000);
});

test('the sampled share is what was asked for, and a larger share keeps what a smaller one keeps', () => {
  const ids = createIds();
  let kept = 0;
  for (let i = 0; i < 20_000; i += 1) {
    const id = ids.traceId();
    if (shareOf(0.1)(id)) {
      kept += 1;
      assert.ok(shareOf(0.5)(id));
    }
    assert.ok(shareOf(1)(id));
    assert.ok(!shareOf(0)(id));
  }
  assert.ok(kept > 1700 && kept < 2300, `${kept} of 20,000 at 10 %`);
  const id = (last: string) => `${'f'.repeat(19)}${last}`;
  const half = shareOf(0.5);
  assert.deepEqual(['7ffffffffffff', '8000000000000', '0000000000000'].map(id).map(half), [false, true, false]);
  assert.equal(shareOf(Number.MIN_VALUE)(id('fffffffffffff')), false);
  assert.equal(shareOf(1 - 2 ** -50)(id('0000000000004')), true);
  assert.equal(shareOf(1 - 2 ** -50)(id('0000000000003')), false);
});
