/** A small configuration, a few policies and a loader for the tests of this folder. */
import assert from 'node:assert/strict';
import Type from 'typebox';
import { type ConfigText, type Loaded, type LoadResult, loadConfigText } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/problems.ts';
import { Cidr, Duration, FileRef, OneOf, OneOrMany, SecretSource, Size, Url } from '../../src/config/types.ts';
import { definePolicy, type Policy } from '../../src/policy.ts';

const closed = { additionalProperties: false } as const;

const limit = definePolicy({
  name: 'limit',
  summary: 'Counts.',
  schema: Type.Object(
    {
      limit: Type.Integer({ minimum: 1, maximum: 1000, description: 'Most requests.' }),
      per: Duration({ default: '1m', min: '1s', max: '1h' }),
      burst: Type.Optional(Size({ min: '1KiB', max: '1MiB' })),
      mode: OneOf(['shared', 'deny'], { default: 'shared' }),
      strict: Type.Boolean({ default: false }),
      share: Type.Number({ minimum: 0, maximum: 1, default: 0.5 }),
    },
    closed,
  ),
  setup: () => ({}),
});

const keys = definePolicy({
  name: 'keys',
  summary: 'Sets keys.',
  schema: Type.Object(
    {
      keys: Type.Array(SecretSource, { default: [], maxItems: 2 }),
      cert: Type.Optional(FileRef),
      jwks: Type.Optional(Url({ schemes: ['https'], rest: 'query' })),
      set: Type.Optional(Type.Record(Type.String(), Type.String())),
      allow: Type.Optional(OneOrMany(Cidr, 'Who may.')),
      source: Type.Optional(
        Type.Union([
          Type.Object({ kind: Type.Literal('static'), value: Type.Integer() }, closed),
          Type.Object({ kind: Type.Literal('remote'), url: Type.String(), every: Type.Integer() }, closed),
        ]),
      ),
    },
    closed,
  ),
  setup: () => ({}),
});

const plain = definePolicy({
  name: 'plain',
  summary: 'Does nothing.',
  schema: Type.Object({}, closed),
  setup: () => ({}),
});

/** Policies by name. */
export const policies: ReadonlyMap<string, Policy> = new Map(
  [limit, keys, plain].map((policy) => [policy.name, policy]),
);

/** Three lines that make a whole configuration; routes begin at line 4. */
export const base = `upstreams:
  openai: { url: https://api.openai.com }
  local: { url: http://127.0.0.1:11434, allow_private: true }
routes:
  - { path: /openai, upstream: openai }
`;

/** Loads texts with the policies above. */
export function load(text: string | readonly ConfigText[], env: Record<string, string> = {}): LoadResult {
  return loadConfigText(text, { policies, env });
}

/** Loads what must be valid. */
export function loadValid(text: string | readonly ConfigText[], env: Record<string, string> = {}): Loaded {
  const result = load(text, env);
  if (!result.ok) assert.fail(formatProblems(result.problems));
  return result;
}

/** The problems of what must not be valid, as printed. */
export function problemsOf(text: string | readonly ConfigText[], env: Record<string, string> = {}): string[] {
  const result = load(text, env);
  assert.equal(result.ok, false, 'the configuration is refused');
  return result.ok ? [] : formatProblems(result.problems).split('\n');
}
