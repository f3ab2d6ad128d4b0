import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { data } from './repository.ts';

interface Schema {
  additionalProperties?: unknown;
  properties?: Record<string, Schema>;
}

const schema: Schema = data('helm/sluice/values.schema.json');
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema);
const defaults = () => data('helm/sluice/values.yaml');

/** Keys of the default values and of the schema, compared at every level that the schema describes. */
function compare(value: unknown, described: Schema, path: string): void {
  if (described.properties === undefined) return;
  assert.equal(described.additionalProperties, false, `${path || 'values'} lets unknown keys through`);
  assert.ok(typeof value === 'object' && value !== null, `${path} is described as an object`);
  const entries = new Map(Object.entries(value));
  // helm itself adds `global` to the values of every chart; a resource claim is too rare for a default.
  const known = Object.keys(described.properties).filter((key) => key !== 'global' && key !== 'claims');
  assert.deepEqual([...entries.keys()].sort(), known.sort(), `keys of ${path || 'values'}`);
  for (const key of known) compare(entries.get(key), described.properties[key] ?? {}, `${path}/${key}`);
}

test('values.yaml has every key of values.schema.json and no other', () => {
  compare(defaults(), schema, '');
});

test('values.yaml is valid', () => {
  assert.equal(validate(defaults()), true, JSON.stringify(validate.errors));
});

const wrong: Record<string, object> = {
  'an unknown key': { replicas: 3 },
  'an unknown key inside': { gateway: { replica: 3 } },
  'a number as text': { gateway: { replicas: '3' } },
  'a port that does not exist': { admin: { port: 70000 } },
  'a pull policy that does not exist': { image: { pullPolicy: 'Sometimes' } },
  'a digest that is none': { image: { digest: 'latest' } },
  'a list as the overlay': { overlay: [] },
  'an environment variable without a name': { env: [{ value: 'x' }] },
  'a misspelt environment variable': { env: [{ name: 'X', valuefrom: {} }] },
  'keys as something else': { keys: { as: 'vault' } },
  'a file that Sluice does not read': { existingConfigMap: { keys: ['config.yaml'] } },
};
for (const [name, values] of Object.entries(wrong)) {
  test(`the schema refuses ${name}`, () => {
    assert.equal(validate(defaults()), true, 'nothing else is wrong');
    assert.equal(validate({ ...defaults(), ...values }), false);
  });
}

for (const [name, values] of Object.entries({
  'a whole proxy.yaml as text': { config: 'listen: localhost:7480\n' },
  'a whole proxy.yaml as a map': { config: { listen: 'localhost:7480' } },
  'what helm adds to a dependency': { global: { imageRegistry: 'x' } },
  'a variable from a Secret': { env: [{ name: 'REDIS_URL', valueFrom: { secretKeyRef: { name: 'r', key: 'url' } } }] },
})) {
  test(`the schema takes ${name}`, () => {
    assert.equal(validate({ ...defaults(), ...values }), true, JSON.stringify(validate.errors));
  });
}
