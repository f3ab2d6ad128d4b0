import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lowerCase } from '../../src/http/header-names.ts';
import { HeaderList } from '../../src/http/headers.ts';

test('ten thousand names of headers are lowered rightly, and a name that is none is refused each time', () => {
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 10_000; i++) assert.equal(lowerCase(`X-Name-${i}`), `x-name-${i}`);
    const list = new HeaderList();
    assert.equal(list.get('Bad Name'), undefined);
    assert.throws(() => list.set('Bad Name', 'x'), TypeError);
    assert.throws(() => list.append('bad name', 'x'), TypeError);
    assert.throws(() => list.set('', 'x'), TypeError);
    assert.throws(() => list.set('X-Good', 'a\nb'), TypeError);
    list.set('X-Good', 'a');
    assert.equal(list.get('x-gOOD'), 'a');
  }
});
