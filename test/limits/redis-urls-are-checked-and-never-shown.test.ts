import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLimitStore } from '../../src/limits/create.ts';
import { parseRedisUrl, sanitiseRedisError } from '../../src/resources/redis.ts';

describe('a Redis URL', () => {
  const valid: [url: string, expected: object][] = [
    ['redis://cache', { host: 'cache', port: 6379, db: 0 }],
    ['redis://cache:7000/3', { host: 'cache', port: 7000, db: 3 }],
    ['redis://[::1]:7000/', { host: '::1', port: 7000, db: 0 }],
    ['redis://:pass@cache', { host: 'cache', port: 6379, db: 0, password: 'pass' }],
    ['redis://me:p%40ss%2F@cache', { host: 'cache', port: 6379, db: 0, username: 'me', password: 'p@ss/' }],
    ['redis://:100%@cache', { host: 'cache', port: 6379, db: 0, password: '100%' }],
    ['rediss://cache', { host: 'cache', port: 6379, db: 0, tls: {} }],
    ['REDISS://cache', { host: 'cache', port: 6379, db: 0, tls: {} }],
  ];
  for (const [url, expected] of valid) it(`${url} is read`, () => assert.deepEqual(parseRedisUrl(url), expected));

  for (const url of [
    'canary',
    'canary:6379',
    'http://canary',
    'redis://',
    'redis://:canary@',
    'redis://:canary@host:99999',
    'redis://:canary@host/name',
    'redis://:canary@host/0?family=6',
    'redis://:canary@host/0#x',
    ' ',
  ]) {
    it(`${url} is refused, and not repeated`, async () => {
      await assert.rejects(createLimitStore({ redisUrl: url }), (error) => {
        assert.ok(error instanceof TypeError);
        assert.doesNotMatch(error.message, /canary/);
        assert.match(error.message, /redis:\/\//);
        return true;
      });
    });
  }
});

it('an error of Redis becomes one bounded line without the password', () => {
  assert.equal(sanitiseRedisError(new Error('a secret\r\nb\u0000'), 'secret'), 'a *** b ');
  assert.equal(sanitiseRedisError(new Error('x'.repeat(1e6))).length, 200);
  assert.equal(sanitiseRedisError(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })), 'ECONNREFUSED');
});
