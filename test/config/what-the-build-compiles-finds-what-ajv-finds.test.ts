import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { policies } from '../../policies/index.ts';
import { type CompileSchema, createCompiler } from '../../src/config/compile-schema.ts';
import { type KeywordContext, ownKeywords } from '../../src/config/keywords.ts';
import { precompiledModule } from '../../src/config/precompile.ts';
import { ConfigSchema } from '../../src/config/schema.ts';

const requireHere = createRequire(import.meta.url);

/** The compiler that is in a bundle; what it cannot do itself it gets from `original`. */
function bundled(schemas: readonly object[], original: () => CompileSchema): CompileSchema {
  const source = precompiledModule(schemas, 'the original')
    .replace("import{ownKeywords}from'./keywords.ts';", '')
    .replace('export function createCompiler', 'return function createCompiler');
  const make = new Function('ownKeywords', 'require', source);
  const resolve = (name: string): unknown =>
    name === 'the original' ? { createCompiler: original } : requireHere(name);
  return make(ownKeywords, resolve)();
}

const unused = (): never => {
  throw new Error('the schema was not recognised');
};

/** What a validation says of a value, and what it makes of it. */
function judged(compile: CompileSchema, schema: object, value: unknown) {
  const validate = compile(schema);
  const context: KeywordContext = { folderOf: () => '/etc', faults: 0 };
  const holder = { value: structuredClone(value) };
  const place = {
    instancePath: '/x',
    parentData: holder,
    parentDataProperty: 'value',
    rootData: {},
    dynamicAnchors: {},
  };
  const valid = validate.call(context, holder.value, place);
  return { valid, errors: validate.errors, value: holder.value, faults: context.faults };
}

const bad: unknown[] = [null, [], 'x', 0, { listen: 'nowhere', admin: 5, constructor: 1, toString: {} }];
const good = {
  upstreams: { a: { url: 'https://api.openai.com', timeouts: { idle: '5s' }, tls: { ca: { file: 'ca.pem' } } } },
  routes: [{ path: '/a', upstream: 'a' }],
  policies: [{ policy: 'ip-access', when: { client: '10.1.2.3/8' }, with: {} }],
};
/** Each value below replaced by each that is wrong there. */
const hostile = [
  '',
  'x',
  -1,
  1e300,
  null,
  [],
  {},
  ['x', ['y']],
  { file: '' },
  '\u0000',
  'sk-live',
  '9e9h',
  '💥'.repeat(9),
];
function* spoilt(value: unknown): Generator<unknown> {
  yield* hostile;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, below] of Object.entries(value)) {
    for (const other of spoilt(below)) yield Array.isArray(value) ? [other] : { ...value, [key]: other };
    yield { ...value, [`${key}x`]: below };
  }
}

test('the validation of a whole configuration is that of ajv, defaults and errors alike', () => {
  const fast = bundled([ConfigSchema], unused);
  const slow = createCompiler();
  const values = [good, ...bad, ...spoilt(good)];
  assert.ok(values.length > 200);
  for (const value of values) assert.deepEqual(judged(fast, ConfigSchema, value), judged(slow, ConfigSchema, value));
  assert.equal(judged(fast, ConfigSchema, good).valid, true);
  assert.equal(judged(fast, ConfigSchema, { ...good, listen: 5 }).valid, false);
});

for (const { name, schema } of policies.values()) {
  test(`so are the options of ${name}`, () => {
    const fast = bundled([schema], unused);
    const slow = createCompiler();
    const names = Object.keys(Object(schema).properties);
    const values: unknown[] = [{}, ...bad];
    for (const key of names)
      for (const value of [...hostile, '1m', '1KiB', '50%', true, 3]) values.push({ [key]: value });
    for (const value of values) assert.deepEqual(judged(fast, schema, value), judged(slow, schema, value));
  });
}

test('a schema that the build did not know, or knew otherwise, is compiled as from source', () => {
  let asked = 0;
  const compile = bundled([{ type: 'object', minProperties: 1 }], () => {
    asked++;
    return createCompiler();
  });
  assert.equal(judged(compile, { type: 'object', minProperties: 1 }, {}).valid, false);
  assert.equal(asked, 0);
  assert.equal(judged(compile, { type: 'object', minProperties: 0 }, {}).valid, true);
  assert.equal(judged(compile, { type: 'object', minProperties: 2 }, { a: 1 }).valid, false);
  assert.equal(asked, 1, 'one ajv for all of them');
  assert.throws(() => compile({ type: 'nothing' }));
});
