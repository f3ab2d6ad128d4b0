import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePattern } from '../../src/auth/pattern.ts';

const patterns = [
  'abc',
  '^abc$',
  'a|b|cd',
  'a*b+c?',
  '(ab)*c',
  '(?:a|b){2,3}',
  '[a-c]{1,64}',
  '[^ab]+',
  '[\\w.-]+',
  'player-\\d{1,3}',
  '\\d+\\.\\d+',
  '[a-]b',
  '[\\]a]',
  'a\\$',
  '(a|ab)(c|bcd)(d*)',
  '(a*)*b',
  '(a|a?)+',
  '((a|b)*c)+',
  '(){3}a',
  '.{3}',
  'a{0}b',
  'a{2,}',
  '\\W\\S\\D',
  '',
];

test('a pattern matches exactly what JavaScript says of the whole value', () => {
  const text = fc.string({ unit: fc.constantFrom(...'abcd12.-_ $]x'), maxLength: 12 });
  for (const pattern of patterns) {
    const ours = compilePattern(pattern);
    const theirs = new RegExp(`^(?:${pattern.replace(/^\^|(?<!\\)\$$/g, '')})$`, 's');
    for (const known of ['abc', 'ab', 'cd', '', 'aabbc', 'ababc', 'player-12', '1.2', 'a-b', 'a$', 'abcd'])
      assert.equal(ours(known), theirs.test(known), `${pattern} on ${known}`);
    fc.assert(
      fc.property(text, (value) => ours(value) === theirs.test(value)),
      { numRuns: 300 },
    );
  }
});

test('what would take a backtracking matcher for ever takes milliseconds, and memory stays bounded', (t) => {
  const hostile = `${'a'.repeat(255)}!`;
  for (const pattern of [
    '(a+)+b',
    '(a|a)*b',
    '(a|aa)+b',
    '(.*a){20}b',
    '((a*)*)*b',
    '(a?){200}a{200}b',
    '\\w*\\w*\\w*\\w*b',
  ]) {
    const matches = compilePattern(pattern);
    const before = performance.now();
    for (let i = 0; i < 20; i++) assert.equal(matches(hostile), false, pattern);
    const took = (performance.now() - before) / 20;
    t.diagnostic(`${pattern}: ${took.toFixed(2)} ms a value`);
    assert.ok(took < 100, pattern);
  }
  // Each of these values leads through sets of places that no other has: more than are remembered.
  const many = compilePattern('[ab]*a[ab]{12}');
  const slow = /^[ab]*a[ab]{12}$/;
  for (let i = 0; i < 2_000; i++) {
    const value = (i * 2_654_435_761).toString(2).replaceAll('0', 'a').replaceAll('1', 'b');
    assert.equal(many(value), slow.test(value), value);
  }
});

test('what is not understood, or too large, is a SyntaxError', () => {
  for (const bad of [
    '(',
    ')',
    'a)',
    '[a',
    '[b-a]',
    '*a',
    'a**',
    'a+?',
    'a{',
    'a{2,1}',
    'a{999}',
    '(?=a)',
    '(?<n>a)',
    '(?i)a',
    '\\1',
    '\\b',
    '\\p{L}',
    'a$b',
    'a^',
    '\\',
    '(a{256}){256}',
    '((((a{200}){200}){200}){200})',
  ])
    assert.throws(() => compilePattern(bad), SyntaxError, bad);
  assert.equal(compilePattern(`${'('.repeat(100)}${'){256}'.repeat(100)}`)(''), true, 'nothing, often');
});
