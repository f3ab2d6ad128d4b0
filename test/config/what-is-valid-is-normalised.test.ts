import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { normalizeCidr } from '../../src/config/cidr.ts';
import { clashes, parseListen } from '../../src/config/listen.ts';
import { loadConfigText } from '../../src/config/load.ts';
import {
  formatDuration,
  formatPercent,
  formatSize,
  parseDuration,
  parsePercent,
  parseSize,
} from '../../src/config/units.ts';
import { ConfigError, definePolicy } from '../../src/policy.ts';
import { base, loadValid, policies } from './sample.ts';

test('durations, sizes and shares are read and written back', () => {
  const durations = {
    0: 0,
    '250ms': 250,
    '1.5s': 1500,
    '90s': 90_000,
    '2m': 120_000,
    '0.1h': 360_000,
    '1h': 3_600_000,
  };
  for (const [text, ms] of Object.entries(durations)) assert.equal(parseDuration(text), ms, text);
  assert.deepEqual([0, 250, 1500, 90_000, 120_000, 3_600_000].map(formatDuration), [
    '0',
    '250ms',
    '1500ms',
    '90s',
    '2m',
    '1h',
  ]);
  const sizes = { 0: 0, 512: 512, '512B': 512, '64KiB': 65_536, '1.5MiB': 1_572_864, '1GiB': 1_073_741_824 };
  for (const [text, bytes] of Object.entries(sizes)) assert.equal(parseSize(text), bytes, text);
  assert.deepEqual([0, 1000, 65_536, 1_572_864].map(formatSize), ['0', '1000B', '64KiB', '1536KiB']);
  const shares = { '0%': 0, '2.5%': 0.025, '100%': 1 };
  for (const [text, share] of Object.entries(shares)) assert.equal(parsePercent(text), share, text);
  assert.deepEqual([0, 0.025, 0.07, 1].map(formatPercent), ['0%', '2.5%', '7%', '100%']);
});

test('CIDRs have one spelling', () => {
  const spellings = {
    '127.0.0.1': '127.0.0.1/32',
    '10.1.2.3/8': '10.0.0.0/8',
    '10.255.255.255/9': '10.128.0.0/9',
    '1.2.3.4/0': '0.0.0.0/0',
    '::1': '::1/128',
    '2001:DB8:0:0::5/32': '2001:db8::/32',
    '::ffff:10.1.2.3': '10.1.2.3/32',
    '::ffff:10.1.2.3/104': '10.0.0.0/8',
    '::/0': '::/0',
  };
  for (const [text, cidr] of Object.entries(spellings)) assert.equal(normalizeCidr(text), cidr, text);
});

test('listeners are pairs of host and port, localhost is two of them', () => {
  const local = [
    { host: '127.0.0.1', port: 7480 },
    { host: '::1', port: 7480 },
  ];
  assert.deepEqual(parseListen('localhost:7480'), local);
  assert.deepEqual(parseListen(['LOCALHOST:7480', '127.0.0.1:7480', '[0:0::1]:7480']), local, 'each once');
  assert.deepEqual(parseListen('[::]:0'), [{ host: '::', port: 0 }]);
  assert.throws(() => parseListen('[::1'), /must be host:port/);
  const any = { host: '0.0.0.0', port: 1 };
  assert.equal(clashes(any, { host: '127.0.0.1', port: 1 }), true);
  assert.equal(clashes(any, { host: '::1', port: 1 }), false);
  assert.equal(clashes({ ...any, port: 0 }, { ...any, port: 0 }), false);
});

test('the smallest configuration is whole: every default is filled in', () => {
  const { config } = loadValid(`${base}policies: [{ policy: keys }]\n`);
  assert.equal(config.listen, 'localhost:7480');
  assert.equal(config.admin, 'localhost:7490');
  assert.deepEqual(config.server, {
    drain: 25_000,
    max_header_bytes: 16_384,
    max_headers: 200,
    max_url_bytes: 8192,
    max_connections: 10_000,
    header_timeout: 30_000,
    request_timeout: 300_000,
    client_stall: 120_000,
    max_peek_bytes: 8_388_608,
    replay_bytes: 262_144,
    held_bytes: 67_108_864,
    shed: { memory: 0.9 },
  });
  assert.deepEqual(config.redis, { url: '', replicas: 1 });
  assert.deepEqual(config.telemetry.metrics.models, ['gpt-*', 'claude-*', 'gemini-*']);
  assert.deepEqual(config.upstreams.openai, {
    url: 'https://api.openai.com',
    dialect: 'none',
    timeouts: { connect: 5000, first_byte: 120_000, idle: 60_000, total: 1_800_000 },
    pool: { connections: 512, queue: 1024, max_age: 300_000 },
    allow_private: false,
    egress_proxy: '',
  });
  assert.deepEqual(config.policies, [
    { policy: 'keys', id: 'keys', enabled: true, rollout: 1, mode: 'enforce', on_error: 'deny', with: { keys: [] } },
  ]);
});

test('two loads share nothing: a changed default of one is not seen by the other', () => {
  const first = loadValid(base).config;
  first.telemetry.metrics.models.push('mine');
  assert.deepEqual(loadValid(base).config.telemetry.metrics.models, ['gpt-*', 'claude-*', 'gemini-*']);
});

test('URLs of upstreams and paths of routes lose the slash at their end', () => {
  const { config } = loadValid(`upstreams: { a: { url: "HTTPS://X.io:443/base/" } }
routes: [{ path: /a/, upstream: a }, { path: /, upstream: a }]
policies: [{ policy: plain, when: { route: [/a/, /], client: 10.0.0.9/8 } }]
`);
  assert.equal(config.upstreams.a?.url, 'https://x.io/base');
  assert.deepEqual(
    config.routes.map(({ path }) => path),
    ['/a', '/'],
  );
  assert.deepEqual(config.policies[0]?.when, { route: ['/a', '/'], client: '10.0.0.0/8' });
});

test('what an error of setup points to can be located', () => {
  const loaded = loadValid(`${base}policies:\n  - policy: keys\n    with: { keys: [{ env: A }, { env: B }] }\n`);
  const error = new ConfigError('is empty', '/keys/1');
  assert.deepEqual(loaded.locate(`/policies/0/with${error.pointer}`), { file: 'proxy.yaml', line: 8, column: 32 });
});

test('a policy with a faulty schema is named, and nothing is thrown', () => {
  const broken = definePolicy({
    name: 'broken',
    summary: '',
    schema: Type.Unsafe<unknown>({ type: 'object', propertees: {} }),
    setup: () => ({}),
  });
  const options = { policies: new Map(policies).set('broken', broken), env: {} };
  const result = loadConfigText(`${base}policies: [{ policy: broken }]\n`, options);
  assert.match(result.ok ? '' : (result.problems[0]?.message ?? ''), /^has options whose schema is faulty.*propertees/);
});

test('a variable may be called like the beginning of a key', () => {
  const names = ['HF_TOKEN_OF_STAGING', 'FW_API_KEY_PRODUCTION', 'hf_token', 'openai_api_key_of_staging'];
  for (const name of names) {
    const { config } = loadValid(`${base}policies: [{ policy: keys, with: { keys: [{ env: ${name} }] } }]\n`);
    assert.deepEqual(config.policies[0]?.with, { keys: [{ env: name }] });
  }
});
