import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IndexedList } from '../../src/resources/indexed-list.ts';

test('whatever is added and removed, the list holds just the rest', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 }), (steps) => {
      const list = new IndexedList<{ listIndex: number }>();
      const members = Array.from({ length: 10 }, () => ({ listIndex: -1 }));
      const expected = new Set<object>();
      for (const step of steps) {
        const member = members[step] as { listIndex: number };
        if (expected.has(member)) {
          assert.ok(list.delete(member));
          expected.delete(member);
        } else {
          assert.ok(!list.delete(member));
          list.add(member);
          expected.add(member);
        }
        assert.equal(list.size, expected.size);
        assert.deepEqual(new Set(list.all()), expected);
      }
    }),
  );
});
