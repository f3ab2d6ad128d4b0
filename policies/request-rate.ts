/** `request-rate`: at most so many requests in any window of time, for each client or whatever else it counts by. */
import Type from 'typebox';
import { Duration, OneOf } from '../src/config/types.ts';
import { RateLimitFields } from '../src/limits/headers.ts';
import { compileKeyOptions, keyOptions } from '../src/limits/key-options.ts';
import { MAX_SLOTS } from '../src/limits/store.ts';
import { type Claim, ConfigError, definePolicy, type Problem, type Verdict, type Window } from '../src/policy.ts';

const schema = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 1e9, description: 'Most requests in any window of `per`.' }),
    per: Duration({ description: 'Length of the window, e.g. 1m.' }),
    granularity: Type.Optional(
      Duration({ description: 'Step in which the window slides, a hundredth of `per` at least; default a twentieth.' }),
    ),
    ...keyOptions,
    on_store_error: OneOf(['local', 'allow', 'deny'], {
      default: 'local',
      description:
        'While Redis does not work: each replica counts its share by itself, or requests pass, or they are refused.',
    }),
    headers: Type.Boolean({ default: true, description: 'Tell clients in RateLimit and RateLimit-Policy.' }),
  },
  { additionalProperties: false },
);

/** The policy. */
export const requestRate = definePolicy({
  name: 'request-rate',
  summary: 'At most so many requests in any window of time, shared by all replicas through Redis.',
  schema,
  setup(env) {
    const { limit, per, granularity, headers } = env.config;
    if (per < 1) throw new ConfigError('must be longer than 0, e.g. 1m', '/per');
    if (granularity !== undefined && (granularity < 1 || granularity > per || granularity * MAX_SLOTS < per)) {
      throw new ConfigError(`must be between \`per\` and a ${MAX_SLOTS}th of it`, '/granularity');
    }
    const window: Window = {
      id: env.id,
      limit,
      perMs: per,
      ...(granularity === undefined ? {} : { slotMs: granularity }),
      onStoreError: env.config.on_store_error,
    };
    const counted = compileKeyOptions(env);

    function claim(found: string | Problem): Claim | Problem {
      return typeof found === 'string' ? { window, key: found, weight: 1 } : found;
    }

    function refuse(verdict: Verdict): Problem {
      const { retryAfterMs } = verdict;
      if (verdict.unchecked === true) {
        const detail = `The limit "${env.id}" cannot be checked at present, and is configured to refuse then.`;
        return env.problem('limits_unavailable', { detail, retryAfterMs });
      }
      const wait = Math.ceil(retryAfterMs / 1000);
      return env.problem('rate_limited', {
        detail: `The limit "${env.id}" of ${limit} ${limit === 1 ? 'request' : 'requests'} in ${per / 1000} s is used up. Try again in ${wait} s.`,
        retryAfterMs,
      });
    }

    return {
      limit: {
        ...(headers ? { fields: new RateLimitFields(window) } : {}),
        claim(ctx) {
          const found = counted.of(ctx);
          return found instanceof Promise ? found.then(claim) : claim(found);
        },
        decide(_, verdict) {
          return verdict.allowed ? undefined : refuse(verdict);
        },
      },
      async inspect(text) {
        const named = counted.named(text);
        if (named === undefined) return undefined;
        const { used, remaining, resetMs } = await env.limits.usage(window, named);
        return { key: named, limit, used, remaining, reset_ms: resetMs };
      },
      reset(text) {
        const named = counted.named(text);
        return named !== undefined && env.limits.reset(window, named);
      },
    };
  },
});
