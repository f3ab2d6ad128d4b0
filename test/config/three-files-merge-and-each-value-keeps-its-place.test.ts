// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts hold references to variables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadValid, problemsOf } from './sample.ts';

const base = {
  name: 'base.yaml',
  text: `upstreams:
  openai: { url: https://api.openai.com, timeouts: { connect: 1s } }
routes: [{ path: /openai, upstream: openai }]
trusted_proxies: [10.0.0.0/8, 192.168.0.0/16]
policies:
  - { policy: limit, with: { limit: 10, per: 10s } }
  - { policy: plain }
`,
};
const cluster = {
  name: 'cluster.yaml',
  text: `upstreams:
  openai: { timeouts: { idle: 9s } }
  mistral: { url: https://api.mistral.ai }
trusted_proxies: [172.16.0.0/12]
policies:
  - { id: limit, enabled: false, with: { limit: 20 } }
  - { policy: keys, before: limit, with: { keys: [{ env: KEY }] } }
`,
};
const team = {
  name: 'team.yaml',
  text: `routes:
  - { path: /openai, upstream: openai }
  - { path: /mistral, upstream: mistral }
policies:
  - { policy: limit, id: late, before: last, with: { limit: 3 } }
  - { policy: plain, id: last }
  - { id: plain, before: keys }
`,
};

test('maps merge, lists replace, policies merge by id and stand where they asked to', () => {
  const { config, warnings } = loadValid([base, cluster, team]);
  assert.deepEqual(config.upstreams.openai?.timeouts, {
    connect: 1000,
    first_byte: 120_000,
    idle: 9000,
    total: 1_800_000,
  });
  assert.equal(config.upstreams.mistral?.url, 'https://api.mistral.ai');
  assert.deepEqual(config.trusted_proxies, ['172.16.0.0/12']);
  assert.deepEqual(
    config.routes.map(({ path }) => path),
    ['/openai', '/mistral'],
  );
  assert.deepEqual(
    config.policies.map(({ id }) => id),
    ['plain', 'keys', 'limit', 'late', 'last'],
  );
  const limit = config.policies[2];
  assert.equal(limit?.enabled, false);
  assert.deepEqual(limit?.with, { limit: 20, per: 10_000, mode: 'shared', strict: false, share: 0.5 });
  assert.ok(config.policies.every((entry) => !('before' in entry)));
  assert.deepEqual(warnings, []);
});

test('locate finds the file, line and column of every value of the merged configuration', () => {
  const { locate } = loadValid([base, cluster, team]);
  const at = (pointer: string) => {
    const { file, line, column } = locate(pointer);
    return `${file}:${line}:${column}`;
  };
  assert.equal(at('/upstreams/openai/url'), 'base.yaml:2:18');
  assert.equal(at('/upstreams/openai/timeouts/idle'), 'cluster.yaml:2:31');
  assert.equal(at('/policies/1/with/keys/0'), 'cluster.yaml:7:51');
  assert.equal(at('/policies/2/with/limit'), 'cluster.yaml:6:49');
  assert.equal(at('/policies/2/with/per'), 'base.yaml:6:46');
  assert.equal(at('/routes/1/path'), 'team.yaml:3:13');
  // Defaults were written nowhere: what is above them was.
  assert.equal(at('/policies/4/with/limit'), 'team.yaml:6:5');
  assert.equal(at('/telemetry/usage'), 'base.yaml:1:1');
  assert.equal(at(''), 'base.yaml:1:1');
});

test('an error points to the file that said it', () => {
  const overlay = { name: 'o.yaml', text: 'upstreams: { openai: { timeouts: { idle: soon } } }\n' };
  assert.deepEqual(problemsOf([base, overlay]), [
    'o.yaml:1:42  upstreams.openai.timeouts.idle  must be a duration (250ms, 5s, 2m, 1h), or 0, got "soon"',
  ]);
  assert.deepEqual(
    problemsOf([
      { ...base, text: `x: 1\n${base.text}` },
      { ...overlay, text: `y: 1\n` },
    ]).map((line) => line.split('  ')[0]),
    ['base.yaml:1:1', 'o.yaml:1:1'],
  );
});

test('a variable that an overlay replaces need not be set', () => {
  const unset = { name: 'base.yaml', text: `${base.text}redis: { url: "\${NOWHERE}" }\n` };
  const { config } = loadValid([unset, { name: 'o.yaml', text: 'redis: { url: "redis://r" }\n' }]);
  assert.equal(config.redis.url, 'redis://r');
});

test('an id may come from a variable and is merged by its value', () => {
  const overlay = { name: 'o.yaml', text: 'policies: [{ id: "${ID}", with: { limit: 7 } }]\n' };
  const { config } = loadValid([base, overlay], { ID: 'limit' });
  assert.deepEqual(
    config.policies.map(({ id }) => id),
    ['limit', 'plain'],
  );
});

const refused: Record<string, string> = {
  'policies: [{ policy: plain, id: x, before: limti }]':
    'o.yaml:1:44  policies[0].before  must be the id of another policy; did you mean "limit"?; ids: limit, plain',
  'policies: [{ id: plain, before: plain }]':
    'o.yaml:1:33  policies[0].before  must be the id of another policy; ids: limit',
  'policies: [{ policy: plain, id: x, before: [a] }]': 'o.yaml:1:44  policies[0].before  must be the id of a policy',
  'policies: [{ id: limmit, with: { limit: 1 } }]':
    'o.yaml:1:18  policies[0].id  has no entry to merge into; did you mean "limit"?; ids: limit, plain; a new entry needs `policy`',
  'policies: [{ id: limit, policy: plain }]':
    'o.yaml:1:33  policies[0].policy  differs from the policy of that id at base.yaml:6:15; use another `id`',
  'policies: [{ id: limit }, { id: limit }]':
    'o.yaml:1:33  policies[1].id  has the same id as the entry at o.yaml:1:18; give one of them another `id`',
  'policies:': 'o.yaml:1:1  policies  must be a list, got nothing; give it a value or remove the key',
};

for (const [text, says] of Object.entries(refused)) {
  test(`an overlay with ${text} is refused`, () => {
    assert.deepEqual(problemsOf([base, { name: 'o.yaml', text }]), [says]);
  });
}
