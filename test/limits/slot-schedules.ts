/** Random schedules of those who take, wait, give up and give back, against what must hold at every step. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Answer, ManagedSlots, Slot } from '../../src/limits/slots.ts';
import { bulkheadOf, type Waiter, waitSlot } from './slot-sides.ts';

type Step =
  | { readonly kind: 'come'; readonly key: number; readonly client: number; readonly priority: number }
  | { readonly kind: 'leave' | 'end'; readonly which: number; readonly twice: boolean }
  | { readonly kind: 'limit'; readonly limit: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('come' as const),
      key: fc.integer({ min: 0, max: 1 }),
      client: fc.integer({ min: 0, max: 3 }),
      priority: fc.constantFrom(0, 0, 0, 5, 9),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('leave' as const, 'end' as const, 'end' as const),
      which: fc.nat(50),
      twice: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('limit' as const), limit: fc.integer({ min: 1, max: 4 }) }) },
);

const schedule = fc.record({
  limit: fc.integer({ min: 1, max: 3 }),
  size: fc.integer({ min: 1, max: 8 }),
  steps: fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
});

interface Guest {
  readonly key: string;
  readonly client: string;
  readonly waiter: Waiter | undefined;
  /** What has become of it. */
  answer: Answer | undefined;
  ended: boolean;
}

/**
 * Runs so many schedules. `settle` waits until every answer that must come without another step has come.
 */
export async function checkSlotSchedules(
  slots: ManagedSlots,
  runs: number,
  settle: (due: () => boolean) => Promise<void>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(schedule, ({ limit, size, steps }) => follow(slots, limit, size, steps, settle)),
    { numRuns: runs },
  );
}

async function follow(
  slots: ManagedSlots,
  limit: number,
  size: number,
  steps: readonly Step[],
  settle: (due: () => boolean) => Promise<void>,
): Promise<void> {
  let bulkhead = bulkheadOf(limit, { size });
  slots.use(bulkhead);
  const guests: Guest[] = [];
  const running = (key: string) => guests.filter((one) => one.key === key && holds(one)).length;
  const waiting = () => guests.filter((one) => one.answer === undefined);
  /** Never a lost wake-up: nobody waits for a key that has room. */
  const settled = () => waiting().every(({ key }) => running(key) >= bulkhead.limit);

  for (const one of steps) {
    if (one.kind === 'come') {
      const key = `k${one.key}`;
      const before = running(key);
      const guest = await come(slots, bulkhead, key, `c${one.client}`, one.priority);
      guests.push(guest);
      if (guest.waiter === undefined) {
        if (holds(guest)) assert.ok(before < bulkhead.limit, `given as number ${before + 1} of ${bulkhead.limit}`);
        else assert.equal(guest.answer, 'queue_full');
      }
    } else if (one.kind === 'limit') {
      bulkhead = { ...bulkhead, limit: one.limit };
      slots.use(bulkhead);
    } else if (one.kind === 'leave') {
      pick(waiting(), one.which)?.waiter?.leave();
    } else {
      const guest = pick(guests.filter(holds), one.which);
      if (guest !== undefined) {
        const before = running(guest.key);
        end(guest);
        if (one.twice) end(guest);
        await settle(settled);
        assert.ok(running(guest.key) <= Math.max(bulkhead.limit, before - 1), 'one end gives one slot at most');
      }
    }
    await settle(settled);
    assert.ok(settled(), 'somebody waits although there is room');
    assert.ok(waiting().length <= size, 'more wait than there are places');
    const usage = slots.usage().find(({ id }) => id === bulkhead.id);
    assert.equal(usage?.held ?? 0, guests.filter(holds).length);
    assert.equal(usage?.waiting ?? 0, waiting().length);
  }
  // When all who run end and go on ending, all who wait have their turn.
  for (let rounds = 0; waiting().length > 0; rounds++) {
    assert.ok(rounds <= guests.length, 'somebody is never served');
    for (const guest of guests.filter(holds)) end(guest);
    await settle(settled);
  }
  for (const guest of guests.filter(holds)) end(guest);
  slots.retire(bulkhead);
  // What is on its way to Redis comes back first.
  await settle(() => !slots.usage().some(({ id }) => id === bulkhead.id));
  assert.equal(
    slots.usage().find(({ id }) => id === bulkhead.id),
    undefined,
    'nothing is left',
  );
}

async function come(
  slots: ManagedSlots,
  bulkhead: ReturnType<typeof bulkheadOf>,
  key: string,
  client: string,
  priority: number,
): Promise<Guest> {
  const answer = await slots.take(bulkhead, key);
  if (answer !== 'taken') return { key, client, waiter: undefined, answer, ended: false };
  const waiter = waitSlot(slots, bulkhead, { key, client, priority });
  const guest: Guest = { key, client, waiter, answer: undefined, ended: false };
  void waiter.answer.then((later) => {
    guest.answer = later;
  });
  return guest;
}

function holds(guest: Guest): guest is Guest & { answer: Slot } {
  return typeof guest.answer === 'object' && !guest.ended;
}

function end(guest: Guest): void {
  if (typeof guest.answer !== 'object') return;
  guest.answer.end();
  guest.ended = true;
}

function pick<T>(list: readonly T[], which: number): T | undefined {
  return list[which % Math.max(1, list.length)];
}
