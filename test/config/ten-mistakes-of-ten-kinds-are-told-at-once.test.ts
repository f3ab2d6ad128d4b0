// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts hold references to variables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsOf } from './sample.ts';

const yaml = `listen: nowhere
upstreams:
  openai: { url: https://api.openai.com, dialect: opnai }
  local: { url: http://127.0.0.1:1 }
routes:
  - { path: /openai, upsteam: openai }
  - { path: openai, upstream: nobody }
policies:
  - policy: limit
    with: { limit: lots, per: 5 }
  - policy: limit
    enabled: "\${FLAG}"
    with: { limit: 1 }
`;

const right = `listen: localhost:7480
upstreams:
  openai: { url: https://api.openai.com, dialect: openai }
  local: { url: http://127.0.0.1:1, allow_private: true }
routes:
  - { path: /openai, upstream: openai }
  - { path: /local, upstream: local }
policies:
  - policy: limit
    with: { limit: 60, per: 5s }
  - policy: limit
    id: another
    enabled: "\${FLAG}"
    with: { limit: 1 }
`;

const expected = [
  '1:9  listen  must be host:port, e.g. localhost:7480, 0.0.0.0:7480 or [::]:7480, got "nowhere"',
  '3:51  upstreams.openai.dialect  must be one of openai, anthropic, gemini, openrouter, mistral, azure-openai, ollama, none, got "opnai"; did you mean "openai"?',
  '4:17  upstreams.local.url  leads to an address that is not public (loopback); set `allow_private: true` in this upstream if that is meant',
  '6:22  routes[0].upsteam  is not a known key; did you mean "upstream"?; known keys: path, upstream, credentials, on_client_abort, forward_headers',
  '7:13  routes[1].path  must be a path that begins with "/", without spaces, dot segments, ? or #, got "openai"',
  '7:31  routes[1].upstream  names no upstream that exists; upstreams: openai, local',
  '10:20  policies[0].with.limit  must be an integer from 1 to 1000, got "lots"',
  '10:31  policies[0].with.per  must be a duration (250ms, 5s, 2m, 1h) from 1s to 1h; it needs a unit, got 5',
  '11:13  policies[1].id  has the same id as the entry at proxy.yaml:9:13; give one of them another `id`',
  '12:14  policies[1].enabled  needs the environment variable FLAG, which is not set; set it or write ${FLAG:-default}',
];

test('ten mistakes in one file are ten messages, in the order of the file', () => {
  assert.deepEqual(
    problemsOf(yaml),
    expected.map((line) => `proxy.yaml:${line}`),
  );
});

test('each mistake that is mended takes its one message with it', () => {
  const rightLines = right.split('\n');
  const mend = (line: number) =>
    yaml
      .split('\n')
      .with(line, rightLines[line] ?? '')
      .join('\n');
  for (const [line, left] of [
    [0, 9],
    [2, 9],
    [3, 9],
    [5, 9],
    [6, 8],
    [9, 8],
  ] as const) {
    assert.equal(problemsOf(mend(line)).length, left, `line ${line + 1}`);
  }
});
