import Type from 'typebox';
import { SecretSource } from '../src/config/types.ts';
import { dialects } from '../src/llm/dialects.ts';
import { ConfigError, definePolicy } from '../src/policy.ts';

const schema = Type.Object(
  {
    keys: Type.Array(SecretSource, {
      minItems: 1,
      description: 'Where the keys are: environment variables or files. The first one that is set is used.',
    }),
    header: Type.Optional(
      Type.Object(
        {
          name: Type.String({ minLength: 1, description: 'Header that carries the key.' }),
          prefix: Type.String({ default: '', description: 'Put before the key, e.g. "Bearer ".' }),
        },
        { additionalProperties: false, description: "Default: the header of the upstream's dialect." },
      ),
    ),
  },
  { additionalProperties: false },
);

/** What a key may be made of (RFC 9110 §5.5, no white space). */
const legalKey = /^[\x21-\x7e]+$/;

/**
 * Sets the provider's key, on attempts at its own upstream only. A key that is not there fails the requests that need
 * it with 503 `key_missing`, naming the variable; the other routes go on.
 */
export const keyInjection = definePolicy({
  name: 'key-injection',
  summary: "Sets the provider's key on attempts at its own upstream.",
  schema,
  setup({ config, upstreams, secret, problem }) {
    const [upstream] = upstreams;
    if (upstream === undefined || upstreams.length > 1) {
      const names = upstreams.map(({ name }) => name).join(', ');
      throw new ConfigError(`a key belongs to one upstream: add \`when: { upstream: NAME }\` with one of ${names}`);
    }
    const header = config.header ?? dialects[upstream.dialect].keyHeader;
    const secrets = config.keys.map(secret);
    const wanted = secrets.map(({ where }) => where).join(' or ');
    return {
      attempt(_ctx, attempt) {
        // `when` is judged for each attempt, but a key must not reach another upstream even when it were not.
        if (attempt.upstream.name !== upstream.name) return undefined;
        let key: string | undefined;
        for (const source of secrets) {
          key = source.value();
          if (key !== undefined) break;
        }
        if (key === undefined) {
          return problem('key_missing', { detail: `No key for upstream "${upstream.name}": set ${wanted}.` });
        }
        if (!legalKey.test(key)) {
          return problem('key_missing', {
            detail: `The key for upstream "${upstream.name}" (${wanted}) is not a valid header value.`,
          });
        }
        attempt.headers.set(header.name, header.prefix + key);
        return undefined;
      },
    };
  },
});
