/** `/limits`: what a key has used of each limit (GET), and forgetting it (DELETE). */
import type { StoreState } from '../limits/store.ts';
import type { LimitUsage, PolicyInstance } from '../policy.ts';
import { sanitiseRedisError } from '../resources/redis.ts';

/** A policy that counts, as the admin server sees it. */
export interface CountingPolicy {
  readonly id: string;
  readonly instance: Pick<PolicyInstance, 'inspect' | 'reset'>;
}

/** An answer before it is written. */
export interface LimitsAnswer {
  readonly status: number;
  readonly content: object;
}

const PLACES: Readonly<Record<StoreState, string>> = {
  ok: 'redis',
  off: 'the memory of this process',
  degraded: 'the memory of this process, as Redis does not work',
};
/** No key of a limit is longer. */
const MAX_KEY = 1024;
const HELP =
  'Name who is counted: /limits?key=VALUE, where VALUE is an address, an identity or the value of the header that a limit counts by ' +
  '(several with | between them), or a key as this page shows it; &policy=ID for one limit only.';

/**
 * Answers one request.
 * @param policies those of the running pipeline that enforce and count
 * @param state of the store, which says where is counted
 */
export async function answerLimits(
  method: string,
  query: URLSearchParams,
  policies: readonly CountingPolicy[],
  state: StoreState,
): Promise<LimitsAnswer> {
  const key = query.get('key') ?? '';
  const only = query.get('policy');
  const asked = only === null ? policies : policies.filter(({ id }) => id === only);
  const ids = policies.map(({ id }) => id);
  if (key === '' || key.length > MAX_KEY) {
    return { status: 400, content: { status: 'bad_request', detail: HELP, policies: ids } };
  }
  if (only !== null && asked.length === 0) {
    return { status: 404, content: { status: 'not_found', detail: 'There is no such limit.', policies: ids } };
  }
  try {
    if (method !== 'DELETE') {
      return { status: 200, content: { key, counted_in: PLACES[state], limits: await inspect(asked, key) } };
    }
    return await reset(asked, key);
  } catch (error) {
    return { status: 503, content: { status: 'unavailable', detail: sanitiseRedisError(error) } };
  }
}

/** Where one limit cannot be reset the others are all the same, and the answer says which could not. */
async function reset(asked: readonly CountingPolicy[], key: string): Promise<LimitsAnswer> {
  const done: string[] = [];
  const failed: string[] = [];
  let detail = '';
  for (const { id, instance } of asked) {
    try {
      if ((await instance.reset?.(key)) === true) done.push(id);
    } catch (error) {
      failed.push(id);
      detail = sanitiseRedisError(error);
    }
  }
  if (failed.length === 0) return { status: 200, content: { key, reset: done } };
  return { status: 503, content: { status: 'unavailable', detail, key, reset: done, failed } };
}

async function inspect(policies: readonly CountingPolicy[], key: string) {
  const found: ({ policy: string } & LimitUsage)[] = [];
  for (const { id, instance } of policies) {
    const usage = await instance.inspect?.(key);
    if (usage !== undefined) found.push({ policy: id, ...usage });
  }
  return found;
}
