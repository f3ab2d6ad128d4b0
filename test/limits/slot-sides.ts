/** The two kinds of slots, for the tests that both must pass. */
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { MemorySlots } from '../../src/limits/memory-slots.ts';
import { RedisSlots } from '../../src/limits/redis-slots.ts';
import type { Answer, Bulkhead, ManagedSlots, Slot, Waiting } from '../../src/limits/slots.ts';
import { createRedis } from '../../src/resources/redis.ts';
import { testRedisUrl } from '../support/redis.ts';

type Scope = Pick<TestContext, 'after'>;

/** What a test may ask for; both sides are told of waits. */
export interface OpenOptions {
  readonly onWait?: (id: string, seconds: number) => void;
}

export type OpenSlots = (t: Scope, options?: OpenOptions) => Promise<ManagedSlots>;

/** Options of {@link openRedisSlots}. */
export interface RedisSideOptions extends OpenOptions {
  readonly url?: string;
  readonly leaseMs?: number;
  readonly replicas?: number;
  readonly log?: { warn(fields: object, message: string): void };
}

/** Slots in Redis on a connection of their own, as one replica has them, with a gate that a test may shut. */
export async function openRedisSlots(t: Scope, options: RedisSideOptions = {}) {
  const ready = Promise.withResolvers<void>();
  const gate = { works: true, failures: [] as string[] };
  const redis = await createRedis(
    { url: options.url ?? (await testRedisUrl(t)) },
    {
      onState: (state, reason) => (state === 'ready' ? ready.resolve() : ready.reject(new Error(reason))),
    },
  );
  const slots: RedisSlots = new RedisSlots({
    ...options,
    client: redis.client,
    // The machine may be slow; how short the patience may be is not what these tests ask.
    timeoutMs: 2000,
    gate: {
      working: () => gate.works,
      failed: (error) => {
        gate.failures.push(String(error));
        shut();
      },
    },
  });
  function shut(): void {
    gate.works = false;
    slots.changed(false);
  }
  const open = () => {
    gate.works = true;
    slots.changed(true);
  };
  t.after(async () => {
    await slots.close();
    await redis.close();
  });
  await ready.promise;
  return { slots, client: redis.client, gate, shut, open, close: () => redis.close() };
}

/** Both sides, by name. */
export const sides: Readonly<Record<string, OpenSlots>> = {
  memory: async (t, options) => {
    const slots = new MemorySlots(options);
    t.after(() => slots.close());
    return slots;
  },
  redis: async (t, options) => (await openRedisSlots(t, options)).slots,
};

/** A bulkhead with an id that no other test uses. */
export function bulkheadOf(limit: number, more: Partial<Bulkhead> & { size?: number; timeoutMs?: number } = {}) {
  const { size = 100, timeoutMs = 30_000, ...rest } = more;
  const queue = { size, timeoutMs };
  return { id: `test-${randomUUID()}`, limit, queue, onStoreError: 'local', ...rest } satisfies Bulkhead;
}

/** Takes a slot that must be there. */
export async function takeSlot(slots: ManagedSlots, bulkhead: Bulkhead, key = 'k'): Promise<Slot> {
  const answer = await slots.take(bulkhead, key);
  if (typeof answer === 'string') throw new Error(`there should be a slot: ${answer}`);
  return answer;
}

/** One who waits. */
export interface Waiter {
  readonly answer: Promise<Answer>;
  /** The client leaves. */
  leave(): void;
  /** What `waited` was told. */
  readonly waits: number[];
}

/** Begins to wait. */
export function waitSlot(
  slots: ManagedSlots,
  bulkhead: Bulkhead,
  more: Partial<Pick<Waiting, 'client' | 'priority'>> & { key?: string } = {},
): Waiter {
  const { key = 'k', client = 'someone', priority = 0 } = more;
  const gone = new AbortController();
  const waits: number[] = [];
  const waiting = { client, priority, signal: gone.signal, waited: (ms: number) => void waits.push(ms) };
  return { answer: slots.wait(bulkhead, key, waiting), leave: () => gone.abort(), waits };
}

/** The slot that somebody waited for. */
export async function slotOf(waiter: Waiter): Promise<Slot> {
  const answer = await waiter.answer;
  if (typeof answer === 'string') throw new Error(`there should be a slot: ${answer}`);
  return answer;
}
