// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are YAML with references to variables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { proxySchema } from '../../src/config/json-schema.ts';
import { base, load, policies } from './sample.ts';

const schema = proxySchema(policies);
// Strict: a keyword of our own that was left in would not compile.
const validate = new Ajv({ strict: true, strictRequired: false, strictTypes: false, allowUnionTypes: true }).compile(
  schema,
);
const accepts = (yaml: string) => validate(parse(yaml));
const entry = (text: string) => `${base}policies: [{ ${text} }]\n`;

const valid = [
  base,
  entry('policy: plain'),
  entry('policy: limit, with: { limit: 5, per: 30s, burst: 2KiB, mode: deny }'),
  entry('policy: limit, enabled: "${FLAG:-false}", with: { limit: "${N:-5}", strict: "${S:-true}", per: "${P:-1m}" }'),
  entry('policy: keys, when: { upstream: [openai, local], header: { x-a: b } }, with: { keys: [{ env: A }] }'),
  `${base}server: { drain: 0, max_header_bytes: 16384 }\n`,
];

for (const yaml of valid) {
  test(`both accept ${JSON.stringify(yaml.slice(base.length))}`, () => {
    assert.equal(load(yaml).ok, true);
    assert.equal(accepts(yaml), true, JSON.stringify(validate.errors));
  });
}

const invalid = [
  `${base}servr: {}\n`,
  `${base}server: { drain: soon }\n`,
  `${base}server: { max_header_bytes: 16KB }\n`,
  entry('policy: nothing'),
  entry('id: x'),
  entry('policy: plain, with: { x: 1 }'),
  entry('policy: limit, with: { per: 1m }'),
  entry('policy: limit, with: { limit: lots }'),
  entry('policy: limit, with: { limit: 0 }'),
  entry('policy: limit, mode: shadowy, with: { limit: 1 }'),
  entry('policy: keys, with: { keys: [{ env: A, file: b }] }'),
];

for (const yaml of invalid) {
  test(`both refuse ${JSON.stringify(yaml.slice(base.length))}`, () => {
    assert.equal(load(yaml).ok, false);
    assert.equal(accepts(yaml), false);
  });
}

test('defaults and descriptions are there for the editor', () => {
  const text = JSON.stringify(schema);
  assert.match(text, /"\$schema":"http:\/\/json-schema\.org\/draft-07\/schema#"/);
  assert.match(text, /"default":"localhost:7480"/);
  assert.match(text, /Largest request header; above it 431\. Written as a size \(512, 64KiB, 1MiB\)\./);
  assert.doesNotMatch(text, /"(?:expects|expectsKey|public|duration|cidr|listen)":(?:true|")/);
});
