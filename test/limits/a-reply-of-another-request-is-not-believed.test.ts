import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readReply, UnexpectedReply } from '../../src/limits/redis-reply.ts';
import { claimOf, freshWindow } from './stores.ts';

const claims = [claimOf(freshWindow(5)), claimOf(freshWindow(7))];

it('the reply of the script is read', () => {
  const { verdicts, at } = readReply([8, 1, 4, 50, 0, 0, 0, 60, -1, 1234], 8, claims);
  assert.equal(at, 1234);
  assert.deepEqual(verdicts, [
    { allowed: true, granted: false, limit: 5, remaining: 4, resetMs: 50, retryAfterMs: 0 },
    { allowed: false, granted: false, limit: 7, remaining: 0, resetMs: 60, retryAfterMs: Number.POSITIVE_INFINITY },
  ]);
});

it('a reply to another request, of another shape or with other things in it is not believed', () => {
  const replies: unknown[] = [
    [7, 1, 4, 50, 0, 1, 4, 50, 0, 1234],
    [8, 1, 4, 50, 0, 1234],
    [8, 1, 4, 50, 0, 1, 4, 50, 0, 1, 1234],
    [8, 1, 4, 50, 0, 1, 4, 50, '0', 1234],
    [8, 1, 4, 50, 0, 1, 4, 50, Number.NaN, 1234],
    [8, 1, 4, 50, 0, 1, 4, 50, null, 1234],
    [8, 1, 4, 50, 0, 1, 4, 50, 0],
    [],
    null,
    'OK',
    { 0: 8, length: 9 },
  ];
  for (const reply of replies) assert.throws(() => readReply(reply, 8, claims), UnexpectedReply, JSON.stringify(reply));
});
