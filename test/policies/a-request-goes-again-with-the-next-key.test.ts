import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import WebSocket from 'ws';
import { startPool } from './key-pool.ts';

const takenOut = 'the provider refuses a key: it is taken out';
const rests = 'a provider key rests';

test('401 on one key of three and 429 on another: requests go on with the third; metric, log and access log say so', async (t) => {
  const pool = await startPool(t, ['a', 'b', 'c']);
  pool.answers.set('a', { status: 401 });
  pool.answers.set('b', { status: 429, headers: { 'retry-after': '120' } });
  for (let i = 0; i < 3; i++) {
    const answer = await pool.ask();
    assert.equal(answer.status, 200);
    assert.ok((await answer.text()).includes('fake'), 'a whole answer');
  }
  assert.deepEqual(pool.seen(), ['a', 'b', 'c', 'c', 'c']);
  assert.deepEqual(await pool.series('sluice_key_state'), ['a.1 -1', 'b.1 0', 'c.1 1']);
  assert.deepEqual(await pool.series('sluice_key_uses_total'), ['a.1 1', 'b.1 1', 'c.1 3']);
  assert.deepEqual(pool.told(), [
    { msg: takenOut, key_id: 'a.1' },
    { msg: rests, key_id: 'b.1' },
  ]);
  const line = await pool.proxy.logged(({ msg }) => msg === 'exchange');
  assert.deepEqual([line.key_id, line.attempts], ['c.1', 3]);
});

test('many requests that all see the 401 of one key say so once', async (t) => {
  const pool = await startPool(t, ['a', 'b']);
  pool.answers.set('a', { status: 401 });
  const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await pool.ask()).status));
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.ok(pool.seen().filter((name) => name === 'a').length > 1, 'several saw it');
  assert.deepEqual(pool.told(), [{ msg: takenOut, key_id: 'a.1' }]);
});

test('a request that every key is refused for reaches each key once, and its client gets what the provider said last', async (t) => {
  const pool = await startPool(t, ['a', 'b', 'c']);
  for (const name of ['a', 'b', 'c']) {
    pool.answers.set(name, { status: 429, headers: { 'retry-after': '30' }, message: `limit of ${name}` });
  }
  const answer = await pool.ask();
  assert.equal(answer.status, 429);
  assert.match(await answer.text(), /limit of c/);
  assert.deepEqual(pool.seen(), ['a', 'b', 'c']);
});

test('while every key rests requests are answered 429 with the earliest end, and the provider is left alone', async (t) => {
  const pool = await startPool(t, ['a', 'b']);
  pool.answers.set('a', { status: 429, headers: { 'retry-after': '50' } });
  pool.answers.set('b', { status: 429, headers: { 'retry-after': '20' } });
  await pool.ask();
  const answer = await pool.ask();
  assert.equal(answer.status, 429);
  assert.match(await answer.text(), /"code":"keys_resting"/);
  assert.equal(answer.headers.get('retry-after'), '20');
  assert.deepEqual(pool.seen(), ['a', 'b']);
});

test('when every key has been taken out requests are answered 503, and the provider is left alone', async (t) => {
  const pool = await startPool(t, ['a', 'b']);
  pool.answers.set('a', { status: 401 });
  pool.answers.set('b', { status: 401 });
  assert.equal((await pool.ask()).status, 401);
  const answer = await pool.ask();
  assert.equal(answer.status, 503);
  assert.match(await answer.text(), /"code":"keys_exhausted"/);
  assert.equal(answer.headers.get('retry-after'), '300');
  assert.deepEqual(pool.seen(), ['a', 'b']);
});

test('one request that is refused with every key does not take the keys from everybody', async (t) => {
  for (const pick of ['failover', 'round_robin']) {
    const pool = await startPool(t, ['a', 'b', 'c'], { with: { pick } });
    const names = ['a', 'b', 'c'];
    for (let i = 0; i < 3; i++) assert.equal((await pool.ask()).status, 200);
    // As OpenAI answers an organisation or a scope that is not the key's.
    for (const name of names) pool.answers.set(name, { status: 401 });
    const refused = await Promise.all(Array.from({ length: 10 }, async () => (await pool.ask()).status));
    assert.deepEqual(new Set(refused), new Set([401]));
    const before = pool.seen().length;
    assert.equal((await pool.ask()).status, 401);
    assert.equal(pool.seen().length, before + 1, 'only the key that stays is tried');
    for (const name of names) pool.answers.delete(name);
    assert.equal((await pool.ask()).status, 200, pick);
    const standing = (await pool.series('sluice_key_state')).filter((line) => line.endsWith(' 1'));
    assert.equal(standing.length, 1, 'the one that was taken last');
    const told = pool.told().map(({ msg }) => msg);
    assert.ok(told.filter((msg) => msg !== takenOut).length <= 1, 'what stays is said once');
  }
});

test('a 403 that another key answers with an error takes no key out', async (t) => {
  const pool = await startPool(t, ['a', 'b']);
  pool.answers.set('a', { status: 403 });
  for (const status of [400, 404, 500]) {
    pool.answers.set('b', { status });
    assert.equal((await pool.ask()).status, status);
    assert.deepEqual(await pool.series('sluice_key_state'), ['a.1 1', 'b.1 1'], String(status));
  }
});

test('a request that every key gets 403 for takes no key out; a key whose 403 another key does not get is taken out', async (t) => {
  const pool = await startPool(t, ['a', 'b']);
  pool.answers.set('a', { status: 403 });
  pool.answers.set('b', { status: 403 });
  assert.equal((await pool.ask()).status, 403, 'a forbidden prompt');
  assert.deepEqual(await pool.series('sluice_key_state'), ['a.1 1', 'b.1 1']);
  pool.answers.delete('b');
  assert.equal((await pool.ask()).status, 200);
  assert.deepEqual(await pool.series('sluice_key_state'), ['a.1 -1', 'b.1 1']);
  assert.deepEqual(pool.seen(), ['a', 'b', 'a', 'b']);
  assert.deepEqual(pool.told(), [{ msg: takenOut, key_id: 'a.1' }]);
});

test('a key that stands alone is used whatever was said of it, and its answers reach the client as they are', async (t) => {
  const pool = await startPool(t, ['a']);
  for (const status of [401, 403, 429]) {
    pool.answers.set('a', { status, headers: { 'retry-after': '30' }, body: `the words of ${status}` });
    for (let i = 0; i < 2; i++) {
      const answer = await pool.ask();
      assert.deepEqual([answer.status, await answer.text()], [status, `the words of ${status}`]);
      assert.equal(answer.headers.get('retry-after'), '30');
    }
  }
  assert.equal(pool.seen().length, 6, 'each request went once');
  assert.deepEqual(await pool.series('sluice_key_state'), ['a.1 -1']);
  pool.answers.clear();
  assert.equal((await pool.ask()).status, 200);
  assert.deepEqual(await pool.series('sluice_key_state'), ['a.1 0'], 'in again; the rest is not over');
  assert.equal(pool.told().filter(({ msg }) => msg === takenOut).length, 1);
});

test('nothing goes again after the first byte: a stream that breaks is cut, and the next key is not asked', async (t) => {
  const pool = await startPool(t, ['a', 'b'], {
    handle: {
      handle: (_request: unknown, message: { resume(): void }, response: import('node:http').ServerResponse) => {
        message.resume();
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: {"choices":[{"index":0,"delta":{"content":"half"}', () => response.destroy());
        return true;
      },
    },
  });
  const answer = await pool.ask();
  assert.equal(answer.status, 200);
  await assert.rejects(answer.text());
  assert.deepEqual(pool.seen(), ['a']);
});

test('a body too large to be held is not sent again: the 401 or 429 reaches the client unchanged', async (t) => {
  const pool = await startPool(t, ['a', 'b', 'c'], { extra: { server: { replay_bytes: '64KiB' } } });
  const large = JSON.stringify({ model: 'gpt-4o', messages: [], pad: 'x'.repeat(200_000) });
  pool.answers.set('a', { status: 401, headers: { 'x-own': '1' }, body: 'words of a' });
  pool.answers.set('b', { status: 429, headers: { 'retry-after': '9' }, body: 'words of b' });
  const refused = await pool.ask(large);
  assert.deepEqual([refused.status, await refused.text(), refused.headers.get('x-own')], [401, 'words of a', '1']);
  assert.equal(refused.headers.get('x-should-retry'), null);
  const limited = await pool.ask(large);
  assert.deepEqual([limited.status, await limited.text()], [429, 'words of b']);
  assert.equal(limited.headers.get('retry-after'), '9');
  assert.deepEqual(pool.seen(), ['a', 'b'], 'each key was learnt of and nothing went twice');
  assert.equal((await pool.ask(large)).status, 200);
});

test('a WebSocket handshake that is answered 401 or 429 is passed on, and the next one gets the next key', async (t) => {
  const pool = await startPool(t, ['a', 'b', 'c']);
  pool.answers.set('a', { status: 401 });
  pool.answers.set('b', { status: 429, headers: { 'retry-after': '60' } });
  const statuses: (number | undefined)[] = [];
  for (let i = 0; i < 3; i++) {
    const socket = new WebSocket(`${pool.proxy.url.replace('http', 'ws')}/openai/v1/models`);
    socket.on('error', () => undefined);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, import('node:http').IncomingMessage];
    statuses.push(response.statusCode);
    response.resume();
    socket.terminate();
  }
  assert.deepEqual(pool.seen(), ['a', 'b', 'c']);
  assert.deepEqual(statuses.slice(0, 2), [401, 429]);
  assert.deepEqual(await pool.series('sluice_key_state'), ['a.1 -1', 'b.1 0', 'c.1 1']);
});

test('a reload keeps what rests and what is out, also when it orders and names the keys anew', async (t) => {
  const pool = await startPool(t, ['a', 'b', 'c']);
  pool.answers.set('a', { status: 401 });
  pool.answers.set('b', { status: 429, headers: { 'retry-after': '60' } });
  await pool.ask();
  await pool.proxy.reload(pool.config(['b', 'c', 'a'], { pick: 'round_robin' }));
  for (let i = 0; i < 3; i++) assert.equal((await pool.ask()).status, 200);
  assert.deepEqual(pool.seen(), ['a', 'b', 'c', 'c', 'c', 'c']);
  assert.deepEqual(await pool.series('sluice_key_state'), ['b.1 0', 'c.1 1', 'a.1 -1']);
  await pool.proxy.reload(pool.config(['c']));
  assert.deepEqual(await pool.series('sluice_key_state'), ['c.1 1'], 'series of keys that are gone are gone');
});

test('two Sluices in one process share nothing of their keys', async (t) => {
  const [one, two] = [await startPool(t, ['a', 'b']), await startPool(t, ['a', 'b'])];
  one.answers.set('a', { status: 401 });
  await one.ask();
  await two.ask();
  assert.deepEqual(two.seen(), ['a']);
  assert.deepEqual(await two.series('sluice_key_state'), ['a.1 1', 'b.1 1']);
});

test('no part of a key is in an answer, a log line, a metric or the configuration shown', async (t) => {
  const pool = await startPool(t, ['a', 'b']);
  const bodies: string[] = [];
  pool.answers.set('a', { status: 401 });
  for (const status of [429, 401]) {
    pool.answers.set('b', { status, headers: { 'retry-after-ms': '1' } });
    for (let i = 0; i < 3; i++) bodies.push(await (await pool.ask()).text());
  }
  assert.ok(
    bodies.some((body) => body.includes('keys_')),
    'refusals of ours are among them',
  );
  const config = await (await fetch(`${pool.proxy.adminUrl}/config`)).text();
  const told = [JSON.stringify(pool.proxy.logs), await pool.proxy.metrics(), config, ...bodies].join();
  assert.ok(!told.includes('canary'));
});
