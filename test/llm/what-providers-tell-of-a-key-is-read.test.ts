import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../src/http/headers.ts';
import { KeyState } from '../../src/llm/keys/key-state.ts';
import { toldRest, toldRoom } from '../../src/llm/keys/told-limits.ts';
import type { Dialect } from '../../src/policy.ts';

const now = Date.parse('2026-11-24T12:00:00Z');
const headersOf = (fields: Record<string, string>) => new HeaderList(Object.entries(fields).flat());
const restOf = (dialect: Dialect, fields: Record<string, string>) => toldRest(dialect, headersOf(fields), now);
const roomOf = (dialect: Dialect, fields: Record<string, string>) => toldRoom(dialect, headersOf(fields));

const waits: [Dialect, Record<string, string>, number | undefined][] = [
  ['openai', { 'retry-after': '20' }, 20_000],
  ['openai', { 'retry-after': '1.5' }, 1_500],
  ['openai', { 'retry-after': '0' }, 0],
  ['none', { 'retry-after': 'Tue, 24 Nov 2026 12:00:30 GMT' }, 30_000],
  ['none', { 'retry-after': 'Tue, 24 Nov 2020 12:00:30 GMT' }, 0],
  ['openai', { 'retry-after-ms': '250', 'retry-after': '20' }, 250],
  ['openai', { 'x-ratelimit-reset-requests': '12ms' }, 12],
  ['openai', { 'x-ratelimit-reset-requests': '6m0s' }, 360_000],
  ['openai', { 'x-ratelimit-reset-tokens': '1h2m3.5s' }, 3_723_500],
  ['mistral', { 'x-ratelimit-reset-tokens': '7' }, 7_000],
  ['openai', { 'x-ratelimit-reset-requests': '12ms', 'x-ratelimit-reset-tokens': '6m0s' }, 360_000],
  [
    'openai',
    {
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-remaining-tokens': '9',
      'x-ratelimit-reset-tokens': '6m0s',
    },
    1_000,
  ],
  ['anthropic', { 'anthropic-ratelimit-input-tokens-reset': '2026-11-24T12:01:00Z' }, 60_000],
  ['anthropic', { 'anthropic-ratelimit-requests-reset': '2026-11-24T13:00:30+01:00' }, 30_000],
  ['openai', { 'anthropic-ratelimit-requests-reset': '2026-11-24T12:01:00Z' }, undefined],
  ['gemini', { 'x-ratelimit-reset-requests': '6m0s' }, undefined],
  ['openai', {}, undefined],
];

test('a rest is read in every form in which providers tell it', () => {
  for (const [dialect, fields, expected] of waits) {
    assert.equal(restOf(dialect, fields), expected, JSON.stringify(fields));
  }
});

const hostile = [
  '-5',
  'NaN',
  'Infinity',
  '1e9',
  '0x10',
  '',
  ' ',
  ',',
  '20, 30',
  '2026-13-45T99:99:99Z',
  'soon',
  '9'.repeat(400),
];

test('a hostile value says nothing, and no key rests longer than five minutes or shorter than a tenth of a second', () => {
  for (const text of hostile) {
    assert.equal(restOf('openai', { 'retry-after': text, 'retry-after-ms': text }), undefined, text);
    assert.equal(restOf('openai', { 'x-ratelimit-reset-requests': text }), undefined, text);
    assert.equal(restOf('anthropic', { 'anthropic-ratelimit-requests-reset': text }), undefined, text);
  }
  const rests = (told: number | undefined) => {
    const state = new KeyState();
    state.adopt('k');
    state.rest(told, 1_000);
    return state.restLeft(1_000);
  };
  const year9999 = 'Fri, 31 Dec 9999 23:59:59 GMT';
  assert.equal(rests(restOf('openai', { 'retry-after': year9999 })), 300_000);
  assert.equal(rests(restOf('openai', { 'retry-after': '999999999999999' })), 300_000);
  assert.equal(rests(restOf('anthropic', { 'anthropic-ratelimit-requests-reset': '9999-12-31T23:59:59Z' })), 300_000);
  assert.equal(rests(restOf('openai', { 'retry-after': '0' })), 100);
  assert.equal(rests(undefined), 5_000);
});

test('the room of a key is the smallest share of its limits that is left; -1, and 0 from Azure, are unknown', () => {
  const limits = { 'x-ratelimit-limit-requests': '100', 'x-ratelimit-limit-tokens': '1000' };
  const left = (requests: string, tokens: string) => ({
    ...limits,
    'x-ratelimit-remaining-requests': requests,
    'x-ratelimit-remaining-tokens': tokens,
  });
  assert.equal(roomOf('openai', left('50', '100')), 0.1);
  assert.equal(roomOf('openai', left('0', '100')), 0);
  assert.equal(roomOf('openai', { 'x-ratelimit-remaining-requests': '7' }), 7);
  assert.equal(roomOf('azure-openai', left('-1', '0')), undefined);
  assert.equal(roomOf('azure-openai', left('0', '500')), 0.5);
  assert.equal(roomOf('anthropic', { 'anthropic-ratelimit-output-tokens-remaining': '3' }), 3);
  assert.equal(roomOf('gemini', left('1', '1')), undefined);
});

test('a key that was taken out is tried by one request after five minutes, and in again when it is accepted', () => {
  const state = new KeyState();
  state.adopt('k');
  assert.equal(state.takeOut(0), true);
  assert.equal(state.takeOut(0), false, 'said once');
  assert.equal(state.usable(299_999), false);
  assert.equal(state.usable(300_000), true);
  state.use(300_000);
  assert.equal(state.usable(300_001), false, 'one request at a time');
  assert.equal(state.standing(300_001), -1);
  assert.equal(state.accepted(0), true);
  assert.equal(state.standing(300_001), 1);
});

test('another value is another generation, of which nothing bad is known; a value that comes back is not', () => {
  const state = new KeyState();
  state.adopt('one');
  state.takeOut(0);
  state.adopt(undefined);
  assert.equal(state.present, false);
  state.adopt('one');
  assert.deepEqual([state.generation, state.standing(0)], [1, -1]);
  state.adopt('two');
  assert.deepEqual([state.generation, state.standing(0)], [2, 1]);
});
