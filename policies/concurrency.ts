/** `concurrency`: at most so many exchanges at once, for each client or whatever else it counts by; others may queue. */
import Type from 'typebox';
import { Duration, OneOf, OneOrMany } from '../src/config/types.ts';
import { clientKey } from '../src/limits/key.ts';
import { compileKeyOptions, keyOptions } from '../src/limits/key-options.ts';
import { BadPriority, compilePriority } from '../src/limits/priority.ts';
import {
  type Answer,
  type Bulkhead,
  ConfigError,
  definePolicy,
  type ExchangeHooks,
  type MaybePromise,
  type NoSlot,
  type Problem,
  type ProblemCode,
  type RequestContext,
} from '../src/policy.ts';

const queueSchema = Type.Object(
  {
    size: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      description: 'Most requests that wait in one replica, over all keys.',
    }),
    timeout: Duration({ default: '10s', min: '1ms', description: 'Longest that a request waits.' }),
    priority: Type.Optional(
      OneOrMany(
        { type: 'string', minLength: 1 },
        'Who goes first: header:NAME (its value is 0 to 9, 9 first), or tags, the first one first.',
      ),
    ),
  },
  { additionalProperties: false, description: 'Where requests wait for a slot. Without it they are refused at once.' },
);

const schema = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 1e6, description: 'Most exchanges at once.' }),
    ...keyOptions,
    queue: Type.Optional(queueSchema),
    on_store_error: OneOf(['local', 'allow', 'deny'], {
      default: 'local',
      description: 'While Redis does not work: each replica has its share, everybody passes, or nobody does.',
    }),
  },
  { additionalProperties: false },
);

/** When a refused client may try again: nobody knows when a slot will be free. */
const RETRY_MS = 1000;

/** The policy. */
export const concurrency = definePolicy({
  name: 'concurrency',
  summary: 'At most so many exchanges at once, with a fair queue, shared by all replicas through Redis.',
  schema,
  setup(env) {
    const { limit, ipv6_prefix: ipv6Prefix, queue, on_store_error: onStoreError } = env.config;
    const { podName, slots } = env;
    const bounds = queue === undefined ? undefined : { size: queue.size, timeoutMs: queue.timeout };
    const bulkhead: Bulkhead = { id: env.id, limit, queue: bounds, onStoreError };
    const counted = compileKeyOptions(env);
    const priorityOf = compilePriorityOption();
    // What is tried out in shadow mode delays nobody.
    const queues = queue !== undefined && env.mode === 'enforce';

    function compilePriorityOption() {
      try {
        return compilePriority([queue?.priority ?? []].flat());
      } catch (error) {
        if (!(error instanceof BadPriority)) throw error;
        const list = Array.isArray(queue?.priority);
        throw new ConfigError(error.message, list ? `/queue/priority/${error.index}` : '/queue/priority');
      }
    }

    function take(ctx: RequestContext, found: string | Problem): MaybePromise<ExchangeHooks | Problem> {
      if (typeof found !== 'string') return found;
      const answer = slots.take(bulkhead, found);
      return answer instanceof Promise ? answer.then((later) => judge(ctx, found, later)) : judge(ctx, found, answer);
    }

    function judge(ctx: RequestContext, found: string, answer: Answer): MaybePromise<ExchangeHooks | Problem> {
      if (typeof answer !== 'string') return answer;
      if (answer !== 'taken' || !queues) return refuse(answer);
      const client =
        ctx.identity === undefined ? clientKey(ctx.client.ip, { ipv6Prefix, podName }) : `identity:${ctx.identity}`;
      const waited = (milliseconds: number) => ctx.waited(milliseconds);
      const waiting = { client, priority: priorityOf(ctx), signal: ctx.signal, waited };
      return slots.wait(bulkhead, found, waiting).then((later) => (typeof later === 'string' ? refuse(later) : later));
    }

    function refuse(why: NoSlot): Problem {
      const [code, detail] = reasons[why];
      return env.problem(code, { detail, retryAfterMs: RETRY_MS });
    }

    const running = `"${env.id}" lets ${limit} ${limit === 1 ? 'request' : 'requests'} run at once`;
    const tooLong = `${running}, and none has ended in the ${(queue?.timeout ?? 0) / 1000} s that this one waited. Try again.`;
    const reasons: Readonly<Record<NoSlot, readonly [ProblemCode, string]>> = {
      taken: ['concurrency_limited', `${running}. Try again when one has ended.`],
      queue_full: [
        'concurrency_limited',
        `${running}, and all ${queue?.size} places of its queue are taken. Try again.`,
      ],
      timeout: ['queue_timeout', tooLong],
      // Nobody reads it.
      left: ['queue_timeout', 'The client has left.'],
      unavailable: ['limits_unavailable', `Redis does not work, and "${env.id}" lets nobody pass without it.`],
    };

    return {
      start: () => slots.use(bulkhead),
      close: () => slots.retire(bulkhead),
      request(ctx) {
        const found = counted.of(ctx);
        return found instanceof Promise ? found.then((later) => take(ctx, later)) : take(ctx, found);
      },
      async inspect(text) {
        const named = counted.named(text);
        if (named === undefined) return undefined;
        const { held, waitingHere } = await slots.inspect(env.id, named);
        return { key: named, limit, used: held, remaining: Math.max(0, limit - held), waiting: waitingHere };
      },
      async reset(text) {
        const named = counted.named(text);
        return named !== undefined && (await slots.reset(env.id, named)) > 0;
      },
    };
  },
});
