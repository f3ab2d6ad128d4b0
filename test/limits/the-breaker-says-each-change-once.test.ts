import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Breaker } from '../../src/limits/breaker.ts';

/** A store that works or not, and what was said of it. */
function set(t: { after(fn: () => void): void }) {
  const world = { ready: true, works: true, probes: 0, said: [] as string[], next: Promise.withResolvers<void>() };
  const breaker = new Breaker({
    ready: () => world.ready,
    async probe() {
      world.probes++;
      if (!world.works) throw new Error('broken');
    },
    onChange(ok, reason) {
      world.said.push(ok ? 'ok' : reason);
      world.next.resolve();
      world.next = Promise.withResolvers();
    },
  });
  t.after(() => breaker.stop());
  return { world, breaker };
}

it('is open until a probe has worked, and each failure after the first is no news', async (t) => {
  const { world, breaker } = set(t);
  assert.equal(breaker.closed, false);
  const up = world.next.promise;
  breaker.connected();
  await up;
  assert.equal(breaker.closed, true);
  const again = world.next.promise;
  for (let i = 0; i < 5; i++) breaker.open('lost');
  await again;
  assert.equal(breaker.closed, false);
  await world.next.promise;
  assert.deepEqual(world.said, ['ok', 'lost', 'ok'], 'and it came back by itself');
});

it('does not try again at each new connection while the last failure is fresh', async (t) => {
  const { world, breaker } = set(t);
  world.works = false;
  const down = world.next.promise;
  breaker.connected();
  await down;
  for (let i = 0; i < 10; i++) breaker.connected();
  assert.equal(world.probes, 1);
  world.works = true;
  await world.next.promise;
  assert.equal(world.probes, 2);
});

it('does not probe what is not connected', async (t) => {
  const { world, breaker } = set(t);
  world.ready = false;
  breaker.connected();
  assert.equal(world.probes, 0);
  world.ready = true;
  const up = world.next.promise;
  breaker.connected();
  await up;
  assert.equal(world.probes, 1);
});
