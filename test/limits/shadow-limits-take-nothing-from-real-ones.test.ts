import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryStore } from '../../src/limits/memory-store.ts';
import { shadowStore } from '../../src/limits/shadow.ts';
import { claimOf, freshWindow, takeOne } from './stores.ts';

it('a shadow view counts for itself, and every view of one store together', async () => {
  const store = new MemoryStore();
  const claim = claimOf(freshWindow(1));
  assert.equal((await takeOne(shadowStore(store), claim)).granted, true);
  assert.equal((await takeOne(shadowStore(store), claim)).granted, false, 'as after a reload');
  assert.equal((await takeOne(store, claim)).granted, true);
});
