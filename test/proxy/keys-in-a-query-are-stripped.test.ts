import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripQueryKey } from '../../src/http/target.ts';

test('a key in the query is removed whatever its parameter is called, and every other byte stays', () => {
  const gone = [
    '?key=a',
    '?api_key=a',
    '?api-key=a',
    '?apikey=a',
    '?access_token=a',
    '?KEY=a',
    '?%61pi_%6Bey=a',
    '?key',
  ];
  for (const query of gone) assert.equal(stripQueryKey(query), '', query);
  assert.equal(stripQueryKey('?alt=sse&key=a&x=%2f&api_key=b&y'), '?alt=sse&x=%2f&y');
  const kept = [
    '',
    '?',
    '?a=key',
    '?keys=1',
    '?monkey=1',
    '?max_tokens=1',
    '?api-version=1&a=%',
    '?a=%zz&b',
    '?page_token=a',
  ];
  for (const query of kept) assert.equal(stripQueryKey(query), query, query);
});
