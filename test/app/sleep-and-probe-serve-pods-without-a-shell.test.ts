import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { sleep } from '../../src/sleep.ts';
import { spawnSluice } from '../support/spawn-sluice.ts';

/** Answers every path with 200, except that /NNN is answered with NNN. */
async function startServer(t: TestContext): Promise<string> {
  const server = createServer((req, res) => res.writeHead(Number(req.url?.slice(1)) || 200).end('x'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function run(t: TestContext, ...args: string[]) {
  const sluice = spawnSluice(args, {}, { t });
  const { code } = await sluice.exited;
  return { code, stdout: sluice.stdout, stderr: sluice.stderr };
}

test('sleep ends after its seconds with 0, not before, and says nothing', async (t) => {
  const before = performance.now();
  assert.deepEqual(await run(t, 'sleep', '0.5'), { code: 0, stdout: '', stderr: '' });
  assert.ok(performance.now() - before >= 500);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`sleep ends with 0 at ${signal} and leaves no handler behind`, async () => {
    const signals = new EventEmitter();
    const sleeping = sleep(['3600'], signals);
    signals.emit(signal);
    assert.equal(await sleeping, 0);
    assert.deepEqual(signals.eventNames(), []);
  });
}

for (const args of [[], ['-1'], ['5s'], ['86401'], ['1', '2'], ['']]) {
  test(`sleep ${JSON.stringify(args)} is a wrong command line`, () => {
    assert.throws(() => sleep(args, new EventEmitter()), /sleep takes seconds/);
  });
}

test('probe exits with 0 for the status that is asked for and 1 for another', async (t) => {
  const url = await startServer(t);
  assert.deepEqual(await run(t, 'probe', `${url}/`), { code: 0, stdout: `${url}/: 200\n`, stderr: '' });
  assert.deepEqual(await run(t, 'probe', `${url}/503`), { code: 1, stdout: '', stderr: `${url}/503: 503, not 200\n` });
  assert.equal((await run(t, 'probe', '--status', '404', `${url}/404`)).code, 0);
});

test('probe exits with 1 and says why when nobody answers', async (t) => {
  const closed = createTcpServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const { code, stderr } = await run(t, 'probe', `http://127.0.0.1:${port}`);
  assert.equal(code, 1);
  assert.match(stderr, /ECONNREFUSED/);
});

test('probe does not take what is no plain URL or status', async (t) => {
  for (const args of [
    ['nowhere'],
    ['file:///etc/passwd'],
    ['http://user:pw@localhost/'],
    ['http://a/', '--status', 'x'],
  ]) {
    const { code, stderr } = await run(t, 'probe', ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /probe takes|--status takes/);
    assert.doesNotMatch(stderr, /user:pw/);
  }
});
