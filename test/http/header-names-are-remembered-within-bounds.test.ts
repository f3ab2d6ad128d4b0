import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lowerCase } from '../../src/http/header-names.ts';
import { HeaderList } from '../../src/http/headers.ts';
import { collectGarbage } from '../../src/resources/garbage.ts';
import { parseHead } from '../../src/upstream/http1/response-head.ts';

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

test('a name that is remembered keeps nothing of the head that it came in', () => {
  const filler = `a: ${'b'.repeat(60_000)}\r\n`;
  const nextHead = (i: number) => Buffer.from(`HTTP/1.1 200 OK\r\nx-of-an-upstream-${i}: 1\r\n${filler}`);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 500; i++) parseHead(nextHead(i).toString('latin1'));
  collectGarbage();
  const kept = process.memoryUsage().heapUsed - before;
  // Of 30 MB.
  assert.ok(kept < 3_000_000, `${kept} bytes are kept`);
});
