/**
 * Schema fragments that `proxy.yaml` and the policies share. `duration` and `size` are keywords of our own: they check
 * the written form and replace it by a number (milliseconds, bytes), so that code never parses units.
 */
import Type from 'typebox';

/** A duration such as `250ms`, `5s`, `2m`, `1h`, or 0; milliseconds once validated. */
export const Duration = (options: { default?: string; description?: string } = {}) =>
  Type.Unsafe<number>({ type: ['string', 'integer'], duration: true, ...options });

/** A size such as `512`, `64KiB`, `1MiB`; bytes once validated. */
export const Size = (options: { default?: string; description?: string } = {}) =>
  Type.Unsafe<number>({ type: ['string', 'integer'], size: true, ...options });

/** A share such as `100%` or `2.5%`; a fraction from 0 to 1 once validated. */
export const Percent = (options: { default?: string; description?: string } = {}) =>
  Type.Unsafe<number>({ type: 'string', percent: true, ...options });

/** A file by path; a relative path is taken from the folder of the YAML file that names it, absolute once validated. */
export const FileRef = Type.Object(
  { file: Type.Unsafe<string>({ type: 'string', minLength: 1, path: true, description: 'Path of a file.' }) },
  { additionalProperties: false },
);

/** A secret: an environment variable or a file. Never written into the YAML itself. */
export const SecretSource = Type.Unsafe<{ env: string } | { file: string }>({
  type: 'object',
  properties: {
    env: { type: 'string', minLength: 1, description: 'Name of an environment variable.' },
    file: { type: 'string', minLength: 1, path: true, description: 'Path of a file; its content is trimmed.' },
  },
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
});

/** One value or a list of them, e.g. `upstream: openai` or `upstream: [openai, mistral]`. */
export const OneOrMany = (item: object, description: string) =>
  Type.Unsafe<string | string[]>({ anyOf: [item, { type: 'array', items: item, minItems: 1 }], description });

/** A CIDR or a single address, IPv4 or IPv6. */
export const Cidr = Type.Unsafe<string>({ type: 'string', cidr: true });

/** A text that is one of those given. */
export const OneOf = <const T extends readonly string[]>(
  values: T,
  options: { default?: T[number]; description?: string } = {},
) => Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });
