import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { policies } from '../../policies/index.ts';
import { ConfigSchema } from '../../src/config/schema.ts';

// A start does not check them again, so that it is not slowed by it.
for (const [name, schema] of [
  ['proxy.yaml', ConfigSchema],
  ...[...policies].map(([name, { schema }]) => [name, schema]),
] as const) {
  test(`the schema of ${String(name)} is valid`, () => {
    const ajv = new Ajv({ strict: false });
    assert.equal(ajv.validateSchema(schema), true, ajv.errorsText());
  });
}

test('a schema that is not valid is seen by this', () => {
  assert.equal(new Ajv({ strict: false }).validateSchema({ type: 'text', minimum: 'x' }), false);
});
