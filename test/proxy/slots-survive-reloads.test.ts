import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { answer, configOf, startHeld } from './held-upstream.ts';

const queue = { size: 10, timeout: '10s' };

async function start(t: TestContext, settings: object) {
  const held = await startHeld(t, settings);
  const reload = (next: object | undefined) => {
    const { policies, ...rest } = configOf(held.upstream.url, next ?? {});
    return held.proxy.reload({ ...rest, policies: next === undefined ? [] : policies });
  };
  const status = async () => (await (await held.ask()).response()).status;
  return { ...held, reload, status };
}

test('what ran before a reload is counted after it: 2 before and 2 after are never 4', async (t) => {
  const { run, reload, status } = await start(t, { limit: 2 });
  const [one, two] = [await run(), await run()];
  await reload({ limit: 2 });
  assert.equal(await status(), 429);
  await answer(one.exchange);
  await one.client.response();
  await answer((await run()).exchange);
  await answer(two.exchange);
});

test('a lower limit lets what runs finish and gives no slot before it is kept to', async (t) => {
  const { run, reload, status, gauges } = await start(t, { limit: 3 });
  const running = [await run(), await run(), await run()];
  await reload({ limit: 1 });
  for (const [i, { exchange, client }] of running.entries()) {
    assert.equal(await status(), 429);
    await answer(exchange);
    assert.equal((await client.response()).status, 200);
    await gauges({ inUse: 2 - i });
  }
  await run();
  assert.equal(await status(), 429);
});

test('a higher limit is one for those who wait already, without another request', async (t) => {
  const { run, ask, reload, gauges, upstream } = await start(t, { limit: 1, queue });
  await run();
  const waiting = [await ask(), await ask()];
  await gauges({ waiting: 2 });
  await reload({ limit: 3, queue });
  for (const _ of waiting) await answer(await upstream.nextExchange());
  for (const client of waiting) assert.equal((await client.response()).status, 200);
});

test('a policy that is taken out and comes back counts what still runs, and who waited was served', async (t) => {
  const { run, ask, reload, status, gauges, upstream } = await start(t, { limit: 1, queue });
  const { exchange, client } = await run();
  const waiting = await ask();
  await gauges({ waiting: 1 });
  await reload(undefined);
  const free = await run();
  await reload({ limit: 1 });
  assert.equal(await status(), 429, 'the first still runs');
  await answer(exchange);
  assert.equal((await client.response()).status, 200);
  await answer(await upstream.nextExchange());
  assert.equal((await waiting.response()).status, 200);
  await gauges({ inUse: 0, waiting: 0 });
  await answer(free.exchange);
});

test('a reload that fails changes nothing', async (t) => {
  const { run, ask, gauges, proxy, upstream } = await start(t, { limit: 1, queue });
  await run();
  await ask();
  await gauges({ waiting: 1 });
  const bad = configOf(
    upstream.url,
    { limit: 5, queue },
    { behind: [{ policy: 'request-rate', with: { limit: 1, per: '1m', key: 'no key' } }] },
  );
  await assert.rejects(proxy.reload(bad));
  await gauges({ inUse: 1, waiting: 1 });
});

test('a drain serves who waits', async (t) => {
  const { run, ask, gauges, proxy, upstream } = await start(t, { limit: 1, queue });
  const { exchange, client } = await run();
  const waiting = await ask();
  await gauges({ waiting: 1 });
  const closed = proxy.app.close({ drainMs: 10_000 });
  await answer(exchange);
  assert.equal((await client.response()).status, 200);
  await answer(await upstream.nextExchange());
  assert.equal((await waiting.response()).status, 200);
  await closed;
});

test('the end of a drain refuses who waits', async (t) => {
  const { run, ask, gauges, proxy, upstream } = await start(t, { limit: 1, queue });
  await run();
  const waiting = await ask();
  await gauges({ waiting: 1 });
  const closed = proxy.app.close({ drainMs: 50 });
  const refused = await waiting.response();
  assert.equal(refused.status, 503);
  assert.match(refused.body.toString(), /shutting_down/);
  await closed;
  assert.equal(upstream.exchanges.length, 1);
});
