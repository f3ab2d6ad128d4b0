import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { data } from './repository.ts';
import { wrongValues } from './wrong-values.ts';

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

for (const [name, values] of Object.entries(wrongValues)) {
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
  "a grace period of one's own": { gateway: { terminationGracePeriodSeconds: 90 } },
  'a share of pods': { gateway: { podDisruptionBudget: { maxUnavailable: '25%' } } },
  'a collector on the node': { otlp: { endpoint: 'http://$(NODE_IP):4318' } },
})) {
  test(`the schema takes ${name}`, () => {
    assert.equal(validate({ ...defaults(), ...values }), true, JSON.stringify(validate.errors));
  });
}
