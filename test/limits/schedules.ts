/** Random schedules against a reference: the log of every use that was granted. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type LimitStore, SLOTS } from '../../src/limits/store.ts';
import { claimOf, freshWindow, type TestClock } from './stores.ts';

/** One step: let time pass, or wait as long as the last refusal said, then take. */
interface Step {
  readonly passMs: number;
  readonly obey: boolean;
  readonly weights: readonly number[];
}

const schedule = fc.record({
  perMs: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 200, max: 100_000 })),
  limits: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 3 }),
  start: fc.integer({ min: 0, max: 1_000_000 }),
  steps: fc.array(
    fc.record({
      // In thousandths of the window; most steps are short, so that limits are reached.
      passMs: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 60 }) }, fc.integer({ min: 0, max: 1500 })),
      obey: fc.boolean(),
      weights: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 40, size: 'max' },
  ),
});

/** Runs so many schedules; a failure prints its seed and the shortest schedule that shows it. */
export async function checkSchedules(store: LimitStore, clock: TestClock, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(schedule, async ({ perMs, limits, start, steps }) => {
      // Forwards only: the window counts on a clock that never goes back.
      clock.now += start;
      await follow(store, clock, perMs, limits, steps);
    }),
    { numRuns: runs },
  );
}

async function follow(
  store: LimitStore,
  clock: TestClock,
  perMs: number,
  limits: readonly number[],
  steps: readonly Step[],
): Promise<void> {
  const slotMs = Math.ceil(perMs / SLOTS);
  const windows = limits.map((limit) => freshWindow(limit, perMs));
  const logs: { at: number; weight: number }[][] = limits.map(() => []);
  const within = (log: { at: number; weight: number }[], since: number) =>
    log.reduce((sum, use) => (use.at > since ? sum + use.weight : sum), 0);
  let promised: number | undefined;
  let repeat: readonly number[] | undefined;

  for (const step of steps) {
    const obey = step.obey && promised !== undefined;
    const weights = obey && repeat !== undefined ? repeat : step.weights;
    clock.now += obey && promised !== undefined ? promised : Math.round((step.passMs * perMs) / 1000);
    const now = clock.now;
    const verdicts = await store.take(windows.map((window, i) => claimOf(window, 'k', weights[i] ?? 1)));
    const granted = verdicts.every((verdict) => verdict.allowed);
    let wait = 0;
    verdicts.forEach((verdict, i) => {
      const [log, limit, weight] = [logs[i] ?? [], limits[i] ?? 0, weights[i] ?? 1];
      assert.equal(verdict.granted, granted, 'all or none');
      const exact = within(log, now - perMs);
      const late = within(log, now - perMs - slotMs);
      if (verdict.allowed)
        assert.ok(exact + weight <= limit, `${exact} + ${weight} within ${perMs} ms, limit ${limit}`);
      else assert.ok(late + weight > limit, `refused although only ${late} were used in a window longer by a slot`);
      if (granted) log.push({ at: now, weight });
      assert.ok(verdict.remaining <= Math.max(0, limit - within(log, now - perMs)), 'never more left than there is');
      assert.ok(verdict.remaining >= Math.max(0, limit - within(log, now - perMs - slotMs)), 'not less by over a slot');
      assert.ok(verdict.resetMs >= 0 && verdict.resetMs <= perMs + slotMs);
      assert.equal(verdict.allowed, verdict.retryAfterMs === 0);
      wait = Math.max(wait, verdict.retryAfterMs);
    });
    if (obey) assert.ok(granted, 'who waits as long as told is admitted');
    promised = !granted && Number.isFinite(wait) ? wait : undefined;
    repeat = weights;
  }
}
