import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryStore } from '../../src/limits/memory-store.ts';
import { claimOf, freshWindow } from './stores.ts';

describe('the memory store', () => {
  it('forgets the key that was unused for longest when there are too many', () => {
    const store = new MemoryStore({ maxKeys: 3, clock: () => 0 });
    const window = freshWindow(1);
    const granted = (key: string) => store.take([claimOf(window, key)])[0]?.granted;
    assert.deepEqual(['a', 'b', 'c'].map(granted), [true, true, true]);
    assert.equal(granted('a'), false, 'a is now the most recently used');
    assert.equal(granted('d'), true);
    assert.equal(store.size, 3);
    assert.equal(granted('a'), false);
    assert.equal(granted('c'), false);
    assert.equal(granted('b'), true, 'b was forgotten');
  });

  it('holds no more than its bound over 300,000 keys of three limits', () => {
    const store = new MemoryStore({ maxKeys: 1000, clock: () => 0 });
    const windows = [freshWindow(1), freshWindow(1), freshWindow(1)];
    for (let i = 0; i < 100_000; i++) store.take(windows.map((window) => claimOf(window, `k${i}`)));
    assert.equal(store.size, 1000);
  });

  it('lets the keys of a burst go as new keys come, though nothing else reminds it', () => {
    let now = 0;
    const store = new MemoryStore({ clock: () => now });
    const window = freshWindow(1, 1000);
    for (let i = 0; i < 10_000; i++) store.take([claimOf(window, `burst${i}`)]);
    assert.equal(store.size, 10_000);
    now = 5000;
    for (let i = 0; i < 10_000; i++) store.take([claimOf(window, `later${i}`)]);
    assert.equal(store.size, 10_000);
    now = 10_000;
    for (let i = 0; i < 100; i++) store.take([claimOf(window, `last${i}`)]);
    assert.equal(store.size, 9900);
  });

  it('never forgets a key while the request that uses it is being judged', () => {
    const store = new MemoryStore({ maxKeys: 1, clock: () => 0 });
    const claims = [claimOf(freshWindow(1)), claimOf(freshWindow(2)), claimOf(freshWindow(3))];
    assert.deepEqual(
      store.take(claims).map((verdict) => [verdict.granted, verdict.remaining]),
      [
        [true, 0],
        [true, 1],
        [true, 2],
      ],
    );
  });

  it('starts anew when the length of a window changes', () => {
    const store = new MemoryStore({ clock: () => 0 });
    const window = freshWindow(1, 1000);
    store.take([claimOf(window)]);
    assert.equal(store.take([claimOf({ ...window, perMs: 2000 })])[0]?.granted, true);
  });
});
