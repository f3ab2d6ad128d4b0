import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { policies } from '../../policies/index.ts';
import { proxySchema } from '../../src/config/json-schema.ts';
import { loadConfigText } from '../../src/config/load.ts';

const folder = new URL('../../policies/', import.meta.url);
const files = readdirSync(folder);
const names = files.filter((name) => name.endsWith('.ts') && name !== 'index.ts').map((name) => name.slice(0, -3));

test('every file of policies/ is in the index, and the other way round', () => {
  assert.ok(names.length >= 5);
  assert.deepEqual([...policies.keys()].sort(), names.sort());
  for (const [name, policy] of policies) assert.equal(policy.name, name);
});

test('every policy has an example file, and no example is without its policy', () => {
  const examples = files.filter((name) => name.endsWith('.yaml')).map((name) => name.slice(0, -5));
  assert.deepEqual(examples.sort(), names.sort());
});

test('the catalogue in policies/README.md names every policy with its summary, and nothing else', () => {
  const readme = readFileSync(new URL('README.md', folder), 'utf8');
  const rows = [...readme.matchAll(/^\| \[`([\w-]+)`\]\(([\w-]+)\.yaml\) \| (.+?) \|/gm)];
  const listed = new Map(rows.map(([, name, , summary]) => [name, summary]));
  assert.deepEqual(listed, new Map([...policies].map(([name, policy]) => [name, policy.summary])));
});

for (const [name, policy] of policies) {
  test(`the example of ${name} is valid and shows every option`, async () => {
    const example = readFileSync(new URL(`${name}.yaml`, folder), 'utf8');
    const indented = example.replaceAll(/^(?=.)/gm, '    ').replace(/^ {4}(?=policy:)/m, '  - ');
    const yaml = [
      'upstreams: { openai: { url: "https://api.openai.com", dialect: openai } }',
      'routes: [{ path: /openai, upstream: openai }]',
      'policies:',
      indented,
    ].join('\n');
    const loaded = await loadConfigText(yaml, { policies, env: {} });
    assert.ok(loaded.ok, loaded.ok ? '' : JSON.stringify(loaded.problems));
    const { properties } = policy.schema as { properties?: Record<string, unknown> };
    for (const option of Object.keys(properties ?? {})) {
      assert.match(example, new RegExp(`\\b${option}:`), `${name}.yaml shows \`${option}\``);
    }
  });
}

test('policies/proxy.schema.json is what `npm run schema` writes', () => {
  const written = readFileSync(new URL('proxy.schema.json', folder), 'utf8');
  assert.deepEqual(JSON.parse(written), JSON.parse(JSON.stringify(proxySchema(policies))));
});
