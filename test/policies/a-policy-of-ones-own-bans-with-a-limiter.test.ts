import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { it } from 'node:test';
import Type from 'typebox';
import { definePolicy, type LimiterResult } from '../../src/policy.ts';
import { startProvider } from '../support/fake-provider.ts';
import { testRedisUrl } from '../support/redis.ts';
import { request } from '../support/request.ts';
import { startProxy } from '../support/start-proxy.ts';

/** Tells by address that a failure has been counted, which is after its answer. */
const counted = new EventEmitter();

const schema = Type.Object({ failures: Type.Integer(), ban: Type.Number() }, { additionalProperties: false });

/** Bans an address for a while after so many answers of 401. */
const ban = definePolicy({
  name: 'ban',
  summary: 'Bans addresses that guess.',
  schema,
  async setup({ config, limiter, problem }) {
    const failures = await limiter({ name: 'failures', points: config.failures, duration: 60 });
    return {
      async request(ctx) {
        const known = await failures.get(ctx.client.ip);
        if (known !== null && known.consumedPoints > failures.points) {
          return problem('rate_limited', { detail: 'banned', retryAfterMs: known.msBeforeNext });
        }
        return {
          async end({ status }) {
            if (status !== 401) return;
            const left = await failures.consume(ctx.client.ip).catch((refused: LimiterResult) => refused);
            if (left.remainingPoints === 0) await failures.block(ctx.client.ip, config.ban);
            counted.emit(ctx.client.ip);
          },
        };
      },
    };
  },
});

for (const shared of [false, true]) {
  it(`${shared ? 'through Redis' : 'in memory'} an address is banned after five failures, also over a reload`, async (t) => {
    const provider = await startProvider({
      override: ({ headers }) => (headers['x-guess'] === 'bad' ? { status: 401 } : undefined),
    });
    const id = `ban-${randomUUID()}`;
    const config = (failures: number) => ({
      upstream: provider.url,
      policies: [{ policy: 'ban', id, with: { failures, ban: 30 } }],
      extra: { trusted_proxies: ['127.0.0.1/32'], ...(shared ? { redis: { url: redisUrl } } : {}) },
    });
    const redisUrl = shared ? await testRedisUrl(t) : '';
    const proxy = await startProxy(config(5), { policies: [ban] });
    const ask = async (ip: string, guess: string) => {
      const headers = { 'x-forwarded-for': ip, 'x-guess': guess };
      const { status, headers: got } = await request(`${proxy.url}/openai/v1/models`, { headers });
      return { status, wait: Number(got['retry-after']) };
    };
    const fail = async (ip: string) => {
      const heard = once(counted, ip);
      assert.equal((await ask(ip, 'bad')).status, 401);
      await heard;
    };
    for (let i = 0; i < 3; i++) await fail('192.0.2.1');
    assert.equal((await ask('192.0.2.1', 'good')).status, 200, 'not yet');
    await proxy.reload(config(5));
    for (let i = 0; i < 2; i++) await fail('192.0.2.1');
    const banned = await ask('192.0.2.1', 'good');
    assert.equal(banned.status, 429);
    assert.ok(banned.wait > 20 && banned.wait <= 30, `told to wait ${banned.wait} s`);
    await proxy.reload(config(100));
    assert.equal((await ask('192.0.2.1', 'good')).status, 429, 'a ban is a ban');
    assert.equal((await ask('192.0.2.2', 'good')).status, 200, 'the neighbour is not banned');
  });
}
