import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RateLimitFields } from '../../src/limits/headers.ts';
import { headerLines, setUp } from './request-rate-context.ts';

describe('a limit tells its clients', () => {
  it('what it is and what is left, on each response', async () => {
    const { send, clock } = await setUp({ limit: 3 });
    assert.deepEqual(headerLines(await send()), [
      ['RateLimit-Policy', '"per-player";q=3;w=60'],
      ['RateLimit', '"per-player";r=2;t=63'],
    ]);
    clock.now = 10_500;
    assert.deepEqual(headerLines(await send())[1], ['RateLimit', '"per-player";r=1;t=53']);
  });

  it('after those of another limit, as both fields are lists', async () => {
    const { send } = await setUp({ limit: 3 });
    const before = ['RateLimit', '"burst";r=1;t=1', 'x-ratelimit-remaining-requests', '9'];
    assert.deepEqual(headerLines(await send(), before), [
      ['RateLimit', '"burst";r=1;t=1'],
      ['x-ratelimit-remaining-requests', '9'],
      ['RateLimit-Policy', '"per-player";q=3;w=60'],
      ['RateLimit', '"per-player";r=2;t=63'],
    ]);
  });

  it('on a refusal when to come back, never earlier than the window allows', async () => {
    const { send, clock } = await setUp({ limit: 1 });
    clock.now = 100;
    await send();
    clock.now = 20_001;
    const refused = await send();
    assert.ok(refused !== undefined && 'kind' in refused && refused.kind === 'problem');
    assert.equal(refused.code, 'rate_limited');
    assert.equal(refused.retryAfterMs, 63_000 - 20_001);
    assert.equal(refused.detail, 'The limit "per-player" of 1 request in 60 s is used up. Try again in 43 s.');
    assert.deepEqual(headerLines(refused), [
      ['RateLimit-Policy', '"per-player";q=1;w=60'],
      ['RateLimit', '"per-player";r=0;t=43'],
    ]);
    clock.now += 43_000;
    const admitted = await send();
    assert.ok(admitted !== undefined && !('kind' in admitted));
  });

  it('nothing when told not to, but still when to come back', async () => {
    const { send } = await setUp({ limit: 1, headers: false });
    assert.equal(await send(), undefined);
    const refused = await send();
    assert.ok(refused !== undefined && 'kind' in refused && refused.kind === 'problem');
    assert.ok((refused.retryAfterMs ?? 0) > 0);
    assert.deepEqual(headerLines(refused), []);
  });

  it('its name as a string that holds whatever the id holds', () => {
    const fields = new RateLimitFields({ id: 'a"b\\c\r\nü', limit: 1, perMs: 250 });
    assert.equal(fields.policy, '"a\\"b\\\\c___";q=1;w=1');
  });

  it('no time for what never fits', () => {
    const fields = new RateLimitFields({ id: 'a', limit: 1, perMs: 1000 });
    const retryAfterMs = Number.POSITIVE_INFINITY;
    const verdict = { allowed: false, granted: false, limit: 1, remaining: 1, resetMs: 0, retryAfterMs };
    assert.equal(fields.limit(verdict), '"a";r=1');
  });
});
