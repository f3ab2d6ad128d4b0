import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RateLimitFields, ToldLimits } from '../../src/limits/headers.ts';
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

  it('after those of the provider, as both fields are lists', async () => {
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
    const { reply } = refused;
    assert.ok(reply?.kind === 'problem');
    assert.equal(reply.code, 'rate_limited');
    assert.equal(reply.retryAfterMs, 63_000 - 20_001);
    assert.equal(reply.detail, 'The limit "per-player" of 1 request in 60 s is used up. Try again in 43 s.');
    assert.deepEqual(headerLines(refused), [
      ['RateLimit-Policy', '"per-player";q=1;w=60'],
      ['RateLimit', '"per-player";r=0;t=43'],
    ]);
    clock.now += 43_000;
    assert.equal((await send()).reply, undefined);
  });

  it('nothing when told not to, but still when to come back', async () => {
    const { send } = await setUp({ limit: 1, headers: false });
    assert.deepEqual(await send(), { reply: undefined, told: undefined });
    const refused = await send();
    assert.ok(refused.reply?.kind === 'problem' && (refused.reply.retryAfterMs ?? 0) > 0);
    assert.deepEqual(headerLines(refused), []);
  });

  it('of several limits what the nearest has left, and what all of them are', () => {
    const window = (id: string) => new RateLimitFields({ id, limit: 60, perMs: 60_000 });
    const left = { allowed: true, granted: true, limit: 60, retryAfterMs: 0 };
    const told = new ToldLimits(window('a'), { ...left, remaining: 7, resetMs: 1000 });
    told.add(window('b'), { ...left, remaining: 5, resetMs: 9000 });
    told.add(window('c'), { ...left, remaining: 5, resetMs: 4000 });
    assert.deepEqual(headerLines({ reply: undefined, told }), [
      ['RateLimit-Policy', '"a";q=60;w=60, "b";q=60;w=60, "c";q=60;w=60'],
      ['RateLimit', '"b";r=5;t=9'],
    ]);
    const refusing = { allowed: false, granted: false, limit: 60, remaining: 6, resetMs: 1 };
    told.add(window('d'), { ...refusing, retryAfterMs: 2000 });
    told.add(window('e'), { ...refusing, retryAfterMs: 3000 });
    told.add(window('f'), { ...refusing, retryAfterMs: 1000 });
    assert.deepEqual(headerLines({ reply: undefined, told })[1], ['RateLimit', '"e";r=6;t=3']);
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
