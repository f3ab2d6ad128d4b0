import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../src/policy.ts';
import { type Request, request, setUp } from './request-rate-context.ts';

const long = 'x'.repeat(100);

describe('a key names', () => {
  const cases: [key: string | string[], request: Request, expected: string | RegExp][] = [
    ['client_ip', { ip: '203.0.113.7' }, 'ip:203.0.113.7'],
    ['client_ip', { ip: '::ffff:203.0.113.7' }, 'ip:203.0.113.7'],
    ['client_ip', { ip: '2001:db8:1:2:3:4:5:6' }, 'ip:2001:db8:1:2::/64'],
    ['client_ip', { ip: '2001:DB8:1:2::' }, 'ip:2001:db8:1:2::/64'],
    ['client_ip', { ip: 'fe80::1%eth0' }, 'ip:fe80::/64'],
    ['client_ip', { ip: '127.0.0.1' }, 'ip:loopback@pod-1'],
    ['client_ip', { ip: '127.9.9.9' }, 'ip:loopback@pod-1'],
    ['client_ip', { ip: '::1' }, 'ip:loopback@pod-1'],
    ['client_ip', { ip: '::ffff:127.0.0.1' }, 'ip:loopback@pod-1'],
    ['client_ip', { ip: 'not:an:address' }, 'ip:not:an:address'],
    ['identity', { identity: 'player-7' }, 'identity:player-7'],
    ['identity', { identity: long }, /^identity#[\w-]{32}$/],
    ['route', { route: '/openai' }, 'route:/openai'],
    ['upstream', { upstream: 'mistral' }, 'upstream:mistral'],
    ['model', { model: 'gpt-5' }, 'model:gpt-5'],
    ['model', { model: Promise.resolve('gpt-5') }, 'model:gpt-5'],
    ['global', {}, 'global'],
    ['header:X-Player-Id', { headers: { 'x-player-id': '7' } }, 'header:x-player-id:7'],
    ['header:x-player-id', { headers: { 'X-PLAYER-ID': long } }, /^header:x-player-id#[\w-]{32}$/],
    ['header:authorization', { headers: { authorization: 'Bearer canary' } }, /^header:authorization#[\w-]{32}$/],
    ['header:x-api-key', { headers: { 'x-api-key': 'canary' } }, /^header:x-api-key#[\w-]{32}$/],
    ['header:cookie', { headers: { cookie: 'canary' } }, /^header:cookie#[\w-]{32}$/],
    [['client_ip', 'model'], { model: 'gpt-5' }, 'ip:203.0.113.7|model:gpt-5'],
    [['header:a', 'global', 'route'], { headers: { a: '1' } }, 'header:a:1|global|route:/openai'],
  ];
  for (const [key, from, expected] of cases) {
    it(`${key}: ${JSON.stringify(from).slice(0, 60)} → ${expected}`, async () => {
      const found = await (await setUp({ key })).key(from);
      if (typeof expected === 'string') assert.equal(found, expected);
      else assert.match(found, expected);
      assert.doesNotMatch(found, /canary/);
    });
  }

  it('without waiting where nothing has to be waited for', async () => {
    const { hooks } = await setUp({ key: ['client_ip', 'header:a', 'identity'] });
    assert.ok(!(hooks.claim(request()) instanceof Promise));
  });

  it('one client for 1,000 addresses of one /64, and another for the next', async () => {
    const { key } = await setUp();
    const keys = new Set<string>();
    for (let i = 0; i < 1000; i++) keys.add(await key({ ip: `2001:db8:0:1:${i.toString(16)}:0:0:${i.toString(16)}` }));
    assert.equal(keys.size, 1);
    assert.notEqual(await key({ ip: '2001:db8:0:2::1' }), [...keys][0]);
  });

  it('IPv6 clients by any prefix', async () => {
    const ip = '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff';
    const expected: [number, string][] = [
      [1, 'ip:::/1'],
      [33, 'ip:2001:db8:8000::/33'],
      [56, 'ip:2001:db8:ffff:ff00::/56'],
      [127, 'ip:2001:db8:ffff:ffff:ffff:ffff:ffff:fffe/127'],
      [128, `ip:${ip}/128`],
    ];
    for (const [prefix, key] of expected) assert.equal(await (await setUp({ ipv6_prefix: prefix })).key({ ip }), key);
  });
});

it('different combinations never give the same key', async () => {
  const { key } = await setUp({ key: ['header:a', 'header:b'] });
  const values = [
    '',
    '1',
    '|',
    '%',
    '%7C',
    '1|header:b:2',
    '2|header:b:3',
    '3',
    '|header:b?',
    '2',
    '?',
    '#',
    long,
    `${long}|`,
    'ü',
    '%25',
  ];
  const seen = new Map<string, string>();
  for (const a of values) {
    for (const b of values) {
      const found = await key({ headers: { a, b } });
      assert.equal(seen.get(found), undefined, `${JSON.stringify([a, b])} and ${seen.get(found)} are both ${found}`);
      seen.set(found, JSON.stringify([a, b]));
    }
  }
});

describe('a request that lacks what a limit counts by', () => {
  for (const key of ['header:x-player-id', 'identity', 'model']) {
    it(`shares one count by default: ${key}`, async () => {
      const { key: of } = await setUp({ key });
      assert.equal(await of({ ip: '192.0.2.1' }), `${key}?`);
      assert.equal(await of({ ip: '192.0.2.1' }), await of({ ip: '192.0.2.2', headers: { 'x-player-id': '' } }));
    });

    it(`is counted by its address if asked: ${key}`, async () => {
      const { key: of } = await setUp({ key, missing: 'client_ip' });
      assert.equal(await of({ ip: '192.0.2.1' }), `${key}?ip:192.0.2.1`);
      assert.equal(await of({ ip: '127.0.0.1' }), `${key}?ip:loopback@pod-1`);
    });

    it(`is refused if asked: ${key}`, async () => {
      const { reply } = await (await setUp({ key, missing: 'deny' })).send();
      assert.ok(reply?.kind === 'problem');
      assert.equal(reply.code, 'bad_request');
      assert.match(reply.detail ?? '', new RegExp(key.replace('header:', '')));
    });
  }
});

describe('an option that makes no sense is an error at its place', () => {
  const cases: [config: object, pointer: string][] = [
    [{ key: 'ip' }, '/key'],
    [{ key: ['client_ip', 'nonsense'] }, '/key/1'],
    [{ key: 'header:' }, '/key'],
    [{ key: 'header:a b' }, '/key'],
    [{ key: ['model', 'model'] }, '/key/1'],
    [{ key: ['header:a', 'header:A'] }, '/key/1'],
    [{ per: 0 }, '/per'],
  ];
  for (const [config, pointer] of cases) {
    it(JSON.stringify(config), async () => {
      await assert.rejects(setUp(config), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.pointer, pointer);
        return true;
      });
    });
  }
});
