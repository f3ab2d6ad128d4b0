// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are YAML with references to variables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effectiveConfig } from '../../src/config/effective.ts';
import { load, loadValid, policies } from './sample.ts';

const canary = 'canary-7f3a';
const yaml = `upstreams:
  monkey: { url: "https://api.openai.com", egress_proxy: "http://u:${canary}@proxy:1", tls: { key: { file: /k.pem } } }
routes: [{ path: /, upstream: monkey, credentials: strip }]
redis: { url: "rediss://:${canary}@p@ss@r:6379/0" }
telemetry: { traces: { endpoint: "https://collector/?api-key=${canary}" } }
server: { drain: 90s }
policies:
  - policy: keys
    rollout: 2.5%
    with:
      keys: [{ env: OPENAI_API_KEY }, { file: /run/key }]
      allow: "\${ALLOW}"
      set: { authorization: "Bearer ${canary}", x-api-token: ${canary}, x-org: "\${ORG}", x-plain: visible }
  - policy: limit
    with: { limit: "\${N}", per: 1h, burst: 64KiB }
`;
const env = { ORG: canary, N: '5', ALLOW: '10.0.0.0/8' };

function shown(): Record<string, unknown> {
  const { config, references } = loadValid(yaml, env);
  return effectiveConfig(config, { references, policies }) as Record<string, unknown>;
}

test('no secret is shown, wherever it was written', () => {
  const text = JSON.stringify(shown());
  assert.ok(JSON.stringify(load(yaml, env)).includes(canary), 'the configuration itself has it');
  assert.ok(!text.includes(canary), text);
  assert.ok(!text.includes('p@ss'));
});

test('what is no secret is shown as people write it', () => {
  const config = shown();
  const server = config.server as Record<string, unknown>;
  assert.equal(server.drain, '90s');
  assert.equal(server.max_header_bytes, '16KiB');
  const [keys, limit] = config.policies as Record<string, unknown>[];
  assert.equal(keys?.rollout, '2.5%');
  assert.deepEqual(keys?.with, {
    keys: [{ env: 'OPENAI_API_KEY' }, { file: '/run/key' }],
    allow: '(from ${ALLOW})',
    set: { authorization: '[redacted]', 'x-api-token': '[redacted]', 'x-org': '(from ${ORG})', 'x-plain': 'visible' },
  });
  assert.deepEqual(limit?.with, { limit: 5, per: '1h', burst: '64KiB', mode: 'shared', strict: false, share: 0.5 });
  const upstream = (config.upstreams as Record<string, Record<string, unknown>>).monkey;
  assert.equal(upstream?.url, 'https://api.openai.com');
  assert.deepEqual(upstream?.tls, { key: { file: '/k.pem' } });
  const [route] = config.routes as Record<string, unknown>[];
  assert.equal(route?.credentials, 'strip');
});
