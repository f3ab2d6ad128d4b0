/** The options by which limits say whom they count, and what is made of them: the same for every policy that counts. */
import Type from 'typebox';
import { OneOf, OneOrMany } from '../config/types.ts';
import { ConfigError, type Env } from '../policy.ts';
import { BadKeyPart, compileKey, compileKeyName, type KeyOf, type Missing } from './key.ts';

/** Members of a policy's schema. */
export const keyOptions = {
  key: Type.Unsafe<string | string[]>({
    ...OneOrMany(
      { type: 'string', minLength: 1 },
      'Who is counted: client_ip, identity, route, upstream, model, global, header:NAME, or a list that combines them.',
    ),
    default: 'client_ip',
  }),
  missing: OneOf(['shared', 'deny', 'client_ip'], {
    default: 'shared',
    description:
      'A request without that header, identity or model: shares one count, is refused, or counts by address.',
  }),
  ipv6_prefix: Type.Integer({
    minimum: 1,
    maximum: 128,
    default: 64,
    description: 'IPv6 addresses that share so many bits are one client.',
  }),
};

/** What `with` says of them. */
export interface KeyConfig {
  readonly key: string | string[];
  readonly missing: Missing;
  readonly ipv6_prefix: number;
}

/** Who is counted. */
export interface CountedKey {
  /** The key of one request. */
  readonly of: KeyOf;
  /** The key that a text of an operator means; undefined when it can be none. */
  named(text: string): string | undefined;
}

const ONE_CLIENT =
  'all clients are on loopback here, so client_ip counts them as one client for each pod, which other pods do not share: ' +
  'use identity or header:NAME to tell players apart, global for one count of all pods';

/** Compiles them, and warns where addresses tell nobody apart. Throws a ConfigError at the part that is wrong. */
export function compileKeyOptions(
  env: Pick<Env<KeyConfig>, 'config' | 'podName' | 'loopbackOnly' | 'warn'>,
): CountedKey {
  const { key, missing, ipv6_prefix: ipv6Prefix } = env.config;
  const options = { parts: [key].flat(), missing, ipv6Prefix, podName: env.podName };
  const place = (index: number) => (typeof key === 'string' ? '/key' : `/key/${index}`);
  try {
    const counted = { of: compileKey(options), named: compileKeyName(options) };
    const byAddress = options.parts.indexOf('client_ip');
    if (byAddress >= 0 && env.loopbackOnly) env.warn(ONE_CLIENT, place(byAddress));
    return counted;
  } catch (error) {
    if (!(error instanceof BadKeyPart)) throw error;
    throw new ConfigError(error.message, place(error.index));
  }
}
