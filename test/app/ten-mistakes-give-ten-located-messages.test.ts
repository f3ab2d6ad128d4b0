import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

const BAD = `listen: localhost:99999
upstreams:
  openai: { url: "ftp://api.openai.com", dialect: openia }
  local: { url: "http://127.0.0.1:11434" }
routes:
  - { path: openai, upstream: openai }
  - { path: /two, upstream: nobody }
policies:
  - policy: request-rat
  - policy: request-rate
    with: { limit: many, per: 1 minute }
  - policy: ip-access
    mode: shadowy
    with: { allow: [300.1.1.1] }
telemetri: {}
`;

/** Line and what the message must speak of. */
const EXPECTED: [line: number, about: RegExp][] = [
  [1, /listen/],
  [3, /upstreams\.openai\.url/],
  [3, /upstreams\.openai\.dialect.*openai/],
  [4, /upstreams\.local\.url.*allow_private/],
  [6, /routes\[0\]\.path/],
  [7, /routes\[1\]\.upstream.*local/],
  [9, /policies\[0\]\.policy.*request-rate/],
  [11, /policies\[1\]\.with\.limit/],
  [11, /policies\[1\]\.with\.per/],
  [13, /policies\[2\]\.mode.*shadow/],
  [14, /policies\[2\]\.with\.allow\[0\]/],
  [15, /telemetri.*telemetry/],
];

for (const args of [[], ['--check'], ['check']]) {
  test(`sluice ${args.join(' ')} names every mistake with its place and exits with 2`, async (t) => {
    const file = await yamlFile(BAD, { t });
    const sluice = spawnSluice([...args, '--config', file], {}, { t });
    assert.deepEqual(await sluice.exited, { code: 2, signal: null });
    const lines = sluice.stderr.trim().split('\n');
    for (const [line, about] of EXPECTED) {
      const found = lines.find((text) => text.startsWith(`${file}:${line}:`) && about.test(text));
      assert.ok(found, `no message about ${about} on line ${line} in:\n${sluice.stderr}`);
    }
    assert.equal(lines.length, EXPECTED.length, sluice.stderr);
    assert.ok(!sluice.stderr.includes('    at '), 'no stack');
  });
}

test("a policy's own complaint is located too", async (t) => {
  const yaml = [
    'upstreams:',
    '  a: { url: "https://a.example" }',
    '  b: { url: "https://b.example" }',
    'routes: [{ path: /a, upstream: a }, { path: /b, upstream: b }]',
    'policies:',
    '  - policy: key-injection',
    '    with: { keys: [{ env: KEY }] }',
  ].join('\n');
  const file = await yamlFile(yaml, { t });
  const sluice = spawnSluice(['--check', '--config', file], {}, { t });
  assert.deepEqual(await sluice.exited, { code: 2, signal: null });
  assert.match(sluice.stderr, /proxy\.yaml:7:\d+ {2}policies\[0\]\.with {2}.*when: \{ upstream: NAME \}/);
});

test('a good file is said to be good, with 0', async (t) => {
  const sluice = spawnSluice(['check', '--no-dns'], {}, { t });
  assert.deepEqual(await sluice.exited, { code: 0, signal: null });
  assert.match(sluice.stdout, /proxy\.yaml: ok/);
});
