import Type from 'typebox';
import { NamedSecretSource, OneOf } from '../src/config/types.ts';
import { dialects } from '../src/llm/dialects.ts';
import { KeyPool, PooledKey, picks } from '../src/llm/keys/key-pool.ts';
import { KeyState } from '../src/llm/keys/key-state.ts';
import { KeyWatch } from '../src/llm/keys/key-watch.ts';
import {
  ConfigError,
  definePolicy,
  type Env,
  framesMessage,
  isHeaderName,
  isHeaderValue,
  type Problem,
  type UpstreamInfo,
} from '../src/policy.ts';

const schema = Type.Object(
  {
    keys: Type.Array(NamedSecretSource, {
      minItems: 1,
      description: 'Where the keys are: environment variables or files. Those that are not set are left out.',
    }),
    pick: OneOf(picks, {
      default: 'failover',
      description: 'Which usable key a request gets: the first, each in turn, or the one with the most room left.',
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

type Options = Type.Static<typeof schema>;

/** The clock of rests and trials. */
const now = () => performance.now();

/**
 * Sets the provider's key, on attempts at its own upstream only. Several keys are a pool: one that the provider refuses is
 * taken out, one that it limits rests, and the request goes again with the next one while nothing of an answer has gone to
 * the client. A key that is not there fails the requests that need it with 503 `key_missing`, naming the variable; the
 * other routes go on.
 */
export const keyInjection = definePolicy({
  name: 'key-injection',
  summary: "Sets the provider's key, or one of a pool, on attempts at its own upstream.",
  schema,
  setup(env) {
    const { config, upstreams, problem, mode } = env;
    const [upstream] = upstreams;
    if (upstream === undefined || upstreams.length > 1) {
      const names = upstreams.map(({ name }) => name).join(', ');
      throw new ConfigError(`a key belongs to one upstream: add \`when: { upstream: NAME }\` with one of ${names}`);
    }
    refuseTwins(config.keys);
    if (config.header !== undefined) refuseHeader(config.header);
    const header = config.header ?? dialects[upstream.dialect].keyHeader;
    const pool = new KeyPool(poolOf(env, upstream, header.prefix), config.pick);
    const report = { policy: env.id, upstream, log: env.log };
    const watch = new KeyWatch(pool, report, config.pick === 'least_limited', now);
    const places = config.keys.map(placeInWords);
    const none = () => whyNone(pool, upstream, places, problem);
    return {
      attempt(ctx, attempt) {
        // `when` is judged for each attempt, but a key must not reach another upstream even when it were not.
        if (attempt.upstream.name !== upstream.name) return undefined;
        const key = pool.take(now(), attempt.number > 1 ? watch.tried(ctx) : undefined);
        if (key === undefined) return none();
        attempt.headers.set(header.name, key.header);
        attempt.keyId = key.id;
        // In shadow mode nothing is sent: what comes back says nothing of the key.
        return mode === 'shadow' ? undefined : watch.hooks(ctx, key);
      },
      keys: () => pool.standings(now()).map((key) => ({ upstream: upstream.name, ...key })),
    };
  },
});

/** Known now, not with the first request. */
function refuseHeader({ name, prefix }: NonNullable<Options['header']>): void {
  if (!isHeaderName(name)) throw new ConfigError('is no header name', '/header/name');
  if (framesMessage(name))
    throw new ConfigError('frames the message or steers the connection and cannot carry a key', '/header/name');
  if (!isHeaderValue(prefix)) throw new ConfigError('holds characters that HTTP does not allow', '/header/prefix');
}

/** Two names or two places alike are one key that a pool would take for two. */
function refuseTwins(keys: Options['keys']): void {
  const names = new Map<string, number>();
  const places = new Map<string, number>();
  for (const [i, key] of keys.entries()) {
    const place = placeOf(key);
    const same = places.get(place);
    if (same !== undefined) throw new ConfigError(`is the same key as keys[${same}]; list each key once`, `/keys/${i}`);
    places.set(place, i);
    if (key.name === undefined) continue;
    const namesake = names.get(key.name);
    if (namesake !== undefined)
      throw new ConfigError(`is the name of keys[${namesake}] too; give each key a name of its own`, `/keys/${i}/name`);
    names.set(key.name, i);
  }
}

function placeOf(key: Options['keys'][number]): string {
  return 'env' in key ? `env ${key.env}` : `file ${key.file}`;
}

/** What is known of a key is kept under its place, so that a reload which names or orders keys anew forgets nothing. */
function poolOf({ config, secret, keep }: Env<Options>, upstream: UpstreamInfo, prefix: string): PooledKey[] {
  return config.keys.map((key, i) => {
    const state = keep(JSON.stringify([upstream.name, placeOf(key)]), () => new KeyState());
    return new PooledKey(key.name ?? String(i + 1), secret(key), state, prefix);
  });
}

/** Not the file's path: clients read it. */
function placeInWords(key: Options['keys'][number], index: number): string {
  return 'env' in key ? `environment variable ${key.env}` : `the file of keys[${index}]`;
}

function whyNone(
  pool: KeyPool,
  { name }: UpstreamInfo,
  places: readonly string[],
  problem: Env<Options>['problem'],
): Problem {
  const why = pool.whyNone(now());
  if (why.kind === 'resting') {
    const detail = `Every key for upstream "${name}" waits for the provider's limit.`;
    return problem('keys_resting', { detail, retryAfterMs: why.waitMs });
  }
  if (why.kind === 'out') {
    const detail = `The provider refuses every key for upstream "${name}"; the log of Sluice says which.`;
    return problem('keys_exhausted', { detail, retryAfterMs: why.waitMs });
  }
  const illegal = places.filter((_, i) => pool.keys[i]?.state.illegal);
  const detail =
    illegal.length > 0
      ? `The key for upstream "${name}" (${illegal.join(', ')}) is not a valid header value.`
      : `No key for upstream "${name}": set ${places.join(' or ')}.`;
  return problem('key_missing', { detail });
}
