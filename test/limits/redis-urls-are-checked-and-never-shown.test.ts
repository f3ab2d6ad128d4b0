import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policies } from '../../policies/index.ts';
import { ConfigProblems, checkConfig } from '../../src/app.ts';
import { formatProblems } from '../../src/config/problems.ts';
import { createLimitStore } from '../../src/limits/create.ts';
import { sanitiseRedisError } from '../../src/resources/redis.ts';
import { parseRedisUrl } from '../../src/resources/redis-url.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';

describe('a Redis URL', () => {
  const valid: [url: string, expected: object][] = [
    ['redis://cache', {}],
    ['redis://cache:7000/3', { hosts: [{ host: 'cache', port: 7000 }], db: 3 }],
    ['redis://[::1]:7000/', { hosts: [{ host: '::1', port: 7000 }] }],
    ['redis://:pass@cache', { password: 'pass' }],
    ['redis://me:p%40ss%2F@cache', { username: 'me', password: 'p@ss/' }],
    ['redis://me:p@ss@cache', { username: 'me', password: 'p@ss' }],
    ['redis://:100%@cache', { password: '100%' }],
    ['rediss://cache', { tls: true }],
    ['REDISS://cache', { tls: true }],
    [
      'redis+sentinel://:pw@a:1,b,[::1]/my.primary-1/2',
      {
        kind: 'sentinel',
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26379 },
          { host: '::1', port: 26379 },
        ],
        name: 'my.primary-1',
        db: 2,
        password: 'pw',
      },
    ],
    ['rediss+sentinel://cache:6379/p', { kind: 'sentinel', name: 'p', tls: true }],
    ['redis+cluster://cache', { kind: 'cluster' }],
    [
      'rediss+cluster://a,b:80/',
      {
        kind: 'cluster',
        hosts: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 80 },
        ],
        tls: true,
      },
    ],
  ];
  const usual = { kind: 'single', hosts: [{ host: 'cache', port: 6379 }], name: '', db: 0, tls: false };
  for (const [url, expected] of valid) {
    it(`${url} is read`, () => assert.deepEqual(parseRedisUrl(url), { ...usual, ...expected }));
  }

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
    'redis://canary,canary2',
    'redis+sentinel://canary',
    'redis+sentinel://canary/',
    'redis+sentinel://canary/a/b',
    'redis+sentinel://canary,/a',
    'redis+cluster://canary/1',
    'redis+cluster://canary:0',
    'redis+cluster://canary,ca nary',
    'redis+canary://host',
    ' ',
  ]) {
    it(`${url} is refused, and not repeated`, async () => {
      await assert.rejects(createLimitStore({ redis: { url } }), (error) => {
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

describe('sluice check', () => {
  const check = (redis: object) => {
    const yaml = proxyYaml({ upstream: 'http://127.0.0.1:1', extra: { redis } });
    return checkConfig({ yaml, policies, env: {} });
  };
  it('accepts every form of a URL', async () => {
    for (const url of [
      '',
      'redis://a/1',
      'rediss://:p@a',
      'redis+sentinel://:p@a:1,b/game/2',
      'rediss+cluster://a,b:80',
    ]) {
      assert.equal((await check({ url })).config.redis.url, url);
    }
  });
  const wrong: [redis: object, pointer: string, says: RegExp][] = [
    [{ url: 'redis://:canary@host/name' }, '/redis/url', /number of a database/],
    [{ url: 'redis://:canary@a,b' }, '/redis/url', /host or port/],
    [{ url: 'redis+sentinel://:canary@a,b' }, '/redis/url', /name of the primary/],
    [{ url: 'redis+cluster://:canary@a/3' }, '/redis/url', /Cluster has none/],
    [{ url: 'redis://a?password=canary' }, '/redis/url', /not a Redis URL/],
    [{ url: 'redis+cluster://:canary@a,b:99999' }, '/redis/url', /host or port/],
    [{ url: 'redis://:canary@a', tls: { ca: { file: '/dev/null' } } }, '/redis/tls', /rediss/],
    [{ url: 'rediss://:canary@a', tls: { ca: { file: '/nowhere/ca.pem' } } }, '/redis/tls', /ENOENT/],
  ];
  for (const [redis, pointer, says] of wrong) {
    it(`refuses ${JSON.stringify(redis)} with its place and without its password`, async () => {
      await assert.rejects(check(redis), (error) => {
        assert.ok(error instanceof ConfigProblems);
        const text = formatProblems(error.problems);
        assert.match(text, says);
        assert.match(text, new RegExp(`:\\d+:\\d+ +${pointer.slice(1).replace('/', '\\.')}`));
        assert.doesNotMatch(text + error.message, /canary/);
        return true;
      });
    });
  }
});
