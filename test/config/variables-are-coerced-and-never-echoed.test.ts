// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are YAML with references to variables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base, load, loadValid, problemsOf } from './sample.ts';

const entry = (options: string, rest = '') => `${base}policies:\n  - { policy: limit, ${rest}with: { ${options} } }\n`;
const optionsOf = (yaml: string, env: Record<string, string>) => loadValid(yaml, env).config.policies[0];

test('a variable becomes what the schema wants', () => {
  const yaml = entry(
    'limit: "${N}", strict: "${S:-true}", share: "${P}", per: "${T}", burst: "${B}", mode: "${M}"',
    'enabled: "${F:-false}", rollout: "${R}", ',
  );
  const found = optionsOf(yaml, { N: ' 12\n', P: '0.25', T: '90s', B: '2048', M: 'deny', R: '50%' });
  assert.deepEqual(found?.with, { limit: 12, strict: true, share: 0.25, per: 90_000, burst: 2048, mode: 'deny' });
  assert.equal(found?.enabled, false);
  assert.equal(found?.rollout, 0.5);
});

test('parts of a text, several of them, defaults of all kinds', () => {
  const text = (value: string, env: Record<string, string> = {}) => {
    const { config } = loadValid(`${base}policies: [{ policy: keys, with: { set: { x: ${value} } } }]\n`, env);
    const options = config.policies[0]?.with as { set: { x: string } } | undefined;
    return options?.set.x;
  };
  assert.equal(text('"a${A}b${B}c"', { A: '1', B: '2' }), 'a1b2c');
  assert.equal(text('"${A:-}"'), '');
  assert.equal(text('"${A:-x y}"', { A: '' }), 'x y');
  assert.equal(text('"${A}"', { A: '' }), '');
  assert.equal(text('"${A:-http://x:1/?a=b}"'), 'http://x:1/?a=b');
  assert.equal(text("'${A}'", { A: '${B}' }), '${B}', 'a value is not read again');
  assert.equal(text('"${N}"', { N: '5' }), '5', 'a text stays a text');
  assert.equal(text('"$${A}"'), '${A}');
  assert.equal(text('"$$${A}, $5, $A, {A}"'), '$${A}, $5, $A, {A}');
});

test('a value cannot add keys, lines or documents', () => {
  const { config } = loadValid(`${base}policies: [{ policy: keys, with: { set: { x: "\${A}" } } }]\n`, {
    A: 'y\nz: 1\n---\n- "',
  });
  assert.deepEqual(config.policies[0]?.with, { keys: [], set: { x: 'y\nz: 1\n---\n- "' } });
});

test('keys are not touched', () => {
  const { config } = loadValid(`${base}policies: [{ policy: keys, with: { set: { "\${A}": b } } }]\n`, { A: 'c' });
  assert.deepEqual(config.policies[0]?.with, { keys: [], set: { '${A}': 'b' } });
});

test('an escaped text is as literal as any other: it is not coerced', () => {
  const [says, ...others] = problemsOf(entry('limit: "$${N}"'), { N: '5' });
  assert.match(says ?? '', /with\.limit {2}must be an integer from 1 to 1000, got "\$\{N\}"$/);
  assert.deepEqual(others, []);
});

const secret = 'hunter2-canary';
const hostile: readonly [yaml: string, says: RegExp][] = [
  [entry('limit: "${SECRET}"'), /with\.limit {2}must be an integer from 1 to 1000; the value of \$\{SECRET\} is not$/],
  [entry('limit: 1, mode: "${SECRET}"'), /must be one of shared, deny; the value of \$\{SECRET\} is not$/],
  [entry('limit: 1, per: "a${SECRET}"'), /must be a duration .*; the value of \$\{SECRET\} is not$/],
  [entry('limit: 1', 'id: "${SECRET}!", '), /id {2}must be 1 to 64 letters.*; the value of \$\{SECRET\} is not$/],
  [
    entry('limit: 1', 'when: { client: "${SECRET}" }, '),
    /client {2}must be an address or a CIDR .*; the value of \$\{SECRET\} is not$/,
  ],
  [
    entry('limit: 1', 'when: { upstream: "${SECRET}" }, '),
    /upstream {2}names no upstream that exists; upstreams: openai, local$/,
  ],
  [entry('limit: 1', 'when: { route: "/${SECRET}" }, '), /route {2}names no route that exists; routes: \/openai$/],
  [`${base}policies: [{ policy: "\${SECRET}" }]\n`, /is no policy that is known here; policies: keys, limit, plain$/],
  [
    `${base}redis: { url: "http://u:\${SECRET}@r" }\n`,
    /redis\.url {2}must be a redis.*; its scheme is another one; the value of \$\{SECRET\} is not$/,
  ],
  [`${base}listen: "\${SECRET}"\n`, /listen {2}must be host:port, .*; the value of \$\{SECRET\} is not$/],
  [`${base}server: "\${SECRET}"\n`, /server {2}must be a map.*; the value of \$\{SECRET\} is not$/],
  [`${base}policies: [{ policy: plain, id: a }, { policy: plain, id: a, when: { tag: "\${SECRET}" } }]\n`, /same id/],
];

for (const [yaml, says] of hostile) {
  test(`the value is not in the message: ${says.source}`, () => {
    const found = problemsOf(yaml, { SECRET: secret });
    assert.equal(found.length, 1);
    assert.match(found[0] ?? '', says);
    assert.ok(!JSON.stringify(load(yaml, { SECRET: secret })).includes(secret));
  });
}

const malformed: Record<string, RegExp> = {
  '"${UNSET}"': /needs the environment variable UNSET, which is not set; set it or write \$\{UNSET:-default\}$/,
  '"${constructor}"': /needs the environment variable constructor, which is not set/,
  '"${}"': /has "\$\{\}", which is no reference; write \$\{NAME\}, \$\{NAME:-default\}, or \$\$\{ for a plain \$\{$/,
  '"${A"': /has "\$\{A", which is no reference/,
  '"${A-b}"': /has "\$\{A-b\}", which is no reference/,
  '"${1A}"': /has "\$\{1A\}", which is no reference/,
  '"${A:-${B}}"': /has "\$\{A:-\$\{B\}", which is no reference/,
};

for (const [text, says] of Object.entries(malformed)) {
  test(`${text} is refused once, at its place`, () => {
    const yaml = `upstreams:\n  openai: { url: https://x.io }\nroutes: [{ path: /, upstream: openai }]\nlisten:\n       - ${text}\n`;
    const found = problemsOf(yaml, { A: '1' });
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', says);
    assert.match(found[0] ?? '', /^proxy\.yaml:5:10 {2}listen\[0\] /);
  });
}

test('a variable that is not set costs one message, wherever its value would have been used', () => {
  const yaml =
    'upstreams: { a: { url: "${X}" } }\nroutes: [{ path: "${X}", upstream: "${X}" }]\nlisten: "${X}"\npolicies: [{ policy: "${X}", id: "${X}", enabled: "${X}" }]\n';
  assert.equal(problemsOf(yaml).length, 7);
});
