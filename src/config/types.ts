/**
 * Schema fragments that `proxy.yaml` and the policies share. `duration`, `size`, `percent`, `path`, `cidr`, `url`,
 * `variable` and `listen` are keywords of our own: they check the written form and replace it by its value (milliseconds, bytes, a
 * fraction, an absolute path), so that code never parses units.
 *
 * Any schema may also say, for messages and for `/config`:
 * - `expects`: what would be right, e.g. `a path that begins with "/"`, instead of what can be told from the schema;
 * - `expectsKey`: the same of the keys of a record;
 * - `public: true`: not a secret, although its name (`key`) looks like one;
 * - `hidden: true`: maybe a secret, although its name does not look like one.
 */
import Type from 'typebox';
import { type UrlRule, upstreamRule } from './url-rule.ts';

/** Default and description of a value; `min` and `max` are written like the value. */
export interface Bounded {
  readonly default?: string;
  readonly description?: string;
  readonly min?: string;
  readonly max?: string;
}

/** A duration such as `250ms`, `5s`, `2m`, `1h`, or 0; milliseconds once validated, at most 24.8 days. */
export const Duration = (options: Bounded = {}) =>
  Type.Unsafe<number>({ type: ['string', 'integer'], ...bounded('duration', options) });

/** A size such as `512`, `64KiB`, `1MiB`; bytes once validated. */
export const Size = (options: Bounded = {}) =>
  Type.Unsafe<number>({ type: ['string', 'integer'], ...bounded('size', options) });

/** A share such as `100%` or `2.5%`; a fraction from 0 to 1 once validated. */
export const Percent = (options: { default?: string; description?: string } = {}) =>
  Type.Unsafe<number>({ type: 'string', percent: true, ...options });

/** URL of an upstream: http or https, no credentials, no query; in one spelling, without a slash at its end, once validated. */
export const UpstreamUrl = (description: string) =>
  Type.Unsafe<string>({ type: 'string', url: upstreamRule, description });

/** A URL that keeps to a rule; as written once validated. */
export const Url = (rule: UrlRule, options: { default?: string; description?: string } = {}) =>
  Type.Unsafe<string>({ type: 'string', url: rule, ...options });

/** A file by path; a relative path is taken from the folder of the YAML file that names it, absolute once validated. */
export const FileRef = Type.Object(
  { file: Type.Unsafe<string>({ type: 'string', minLength: 1, path: true, description: 'Path of a file.' }) },
  { additionalProperties: false },
);

const secretPlaces = {
  env: {
    type: 'string',
    pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
    variable: true,
    description: 'Name of an environment variable.',
    expects: 'the name of an environment variable, not its value',
  },
  file: { type: 'string', minLength: 1, path: true, description: 'Path of a file; its content is trimmed.' },
};

/** A secret: an environment variable or a file. Never written into the YAML itself. */
export const SecretSource = Type.Unsafe<{ env: string } | { file: string }>({
  type: 'object',
  properties: secretPlaces,
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  expects: 'either { env: NAME } or { file: path }',
});

/** A secret of several that belong together, which may have a name to be known by. */
export const NamedSecretSource = Type.Unsafe<({ env: string } | { file: string }) & { name?: string }>({
  type: 'object',
  properties: {
    ...secretPlaces,
    name: {
      type: 'string',
      pattern: '^[a-z][a-z0-9_-]{0,31}$',
      public: true,
      description: 'What logs, metrics and traces call it, e.g. main. Default: its position in the list, from 1.',
      expects: 'a short name: a lower-case letter, then at most 31 letters, digits, "-" or "_"',
    },
  },
  additionalProperties: false,
  oneOf: [
    { properties: { env: true }, required: ['env'] },
    { properties: { file: true }, required: ['file'] },
  ],
  expects: 'either { env: NAME } or { file: path }, with a name or without',
});

/** One value or a list of them, e.g. `upstream: openai` or `upstream: [openai, mistral]`. */
export const OneOrMany = (item: object, description: string, options: { default?: string } = {}) =>
  Type.Unsafe<string | string[]>({
    anyOf: [item, { type: 'array', items: item, minItems: 1 }],
    description,
    ...options,
  });

/** A CIDR or a single address, IPv4 or IPv6; the network in one spelling once validated, e.g. `10.0.0.0/8`, `::1/128`. */
export const Cidr = Type.Unsafe<string>({ type: 'string', cidr: true });

/** A text that is one of those given. */
export const OneOf = <const T extends readonly string[]>(
  values: T,
  options: { default?: T[number]; description?: string } = {},
) => Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });

function bounded(keyword: 'duration' | 'size', { min, max, ...rest }: Bounded): object {
  const rule = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
  return { [keyword]: Object.keys(rule).length === 0 ? true : rule, ...rest };
}
