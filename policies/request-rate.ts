/** `request-rate`: at most so many requests in any window of time, for each client or whatever else it counts by. */
import Type from 'typebox';
import { Duration, OneOf, OneOrMany } from '../src/config/types.ts';
import { RateLimitFields } from '../src/limits/headers.ts';
import { BadKeyPart, compileKey } from '../src/limits/key.ts';
import {
  type Claim,
  ConfigError,
  definePolicy,
  type ExchangeHooks,
  type Problem,
  type ResponseHead,
  type Verdict,
  type Window,
} from '../src/policy.ts';

const schema = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 1e9, description: 'Most requests in any window of `per`.' }),
    per: Duration({ description: 'Length of the window, e.g. 1m. It slides in steps of a twentieth.' }),
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
    headers: Type.Boolean({ default: true, description: 'Tell clients in RateLimit and RateLimit-Policy.' }),
  },
  { additionalProperties: false },
);

/** Tells the client what is left. */
class TellLimit implements ExchangeHooks {
  readonly #fields: RateLimitFields;
  readonly #verdict: Verdict;
  constructor(fields: RateLimitFields, verdict: Verdict) {
    this.#fields = fields;
    this.#verdict = verdict;
  }
  responseStart(head: ResponseHead): void {
    this.#fields.append(head.headers, this.#verdict);
  }
}

/** The policy. */
export const requestRate = definePolicy({
  name: 'request-rate',
  summary: 'At most so many requests in any window of time, shared by all replicas through Redis.',
  schema,
  setup(env) {
    const { limit, per, key, missing, ipv6_prefix: ipv6Prefix, headers } = env.config;
    if (per < 1) throw new ConfigError('must be longer than 0, e.g. 1m', '/per');
    const window: Window = { id: env.id, limit, perMs: per };
    const fields = new RateLimitFields(window);
    const parts = typeof key === 'string' ? [key] : key;
    const keyOf = compile();

    function compile() {
      try {
        return compileKey({ parts, missing, ipv6Prefix, podName: env.podName });
      } catch (error) {
        if (!(error instanceof BadKeyPart)) throw error;
        throw new ConfigError(error.message, typeof key === 'string' ? '/key' : `/key/${error.index}`);
      }
    }

    function claim(found: string | Problem): Claim | Problem {
      return typeof found === 'string' ? { window, key: found, weight: 1 } : found;
    }

    function refuse(verdict: Verdict): Problem {
      const wait = Math.ceil(verdict.retryAfterMs / 1000);
      return env.problem('rate_limited', {
        detail: `The limit "${env.id}" of ${limit} ${limit === 1 ? 'request' : 'requests'} in ${per / 1000} s is used up. Try again in ${wait} s.`,
        retryAfterMs: verdict.retryAfterMs,
        ...(headers ? { headers: fields.record(verdict) } : {}),
      });
    }

    return {
      limit: {
        claim(ctx) {
          const found = keyOf(ctx);
          return found instanceof Promise ? found.then(claim) : claim(found);
        },
        decide(_, verdict) {
          if (!verdict.allowed) return refuse(verdict);
          return headers ? new TellLimit(fields, verdict) : undefined;
        },
      },
    };
  },
});
