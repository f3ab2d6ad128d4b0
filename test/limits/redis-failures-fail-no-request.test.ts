import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createLimitStore } from '../../src/limits/create.ts';
import type { ManagedLimitStore } from '../../src/limits/store.ts';
import { startRedis } from '../support/redis.ts';
import { claimOf, freshWindow } from './stores.ts';
import { Log, load } from './take-load.ts';

async function open(t: TestContext, url: string, log: Log): Promise<ManagedLimitStore> {
  const store = await createLimitStore({ redis: { url }, log });
  t.after(() => store.close());
  return store;
}

const SHARED = /^info limits are shared through Redis$/;

describe('while takes go on', { timeout: 60_000 }, () => {
  const faults: Record<
    string,
    (redis: Awaited<ReturnType<typeof startRedis>>) => {
      hurt(): Promise<unknown>;
      heal(): Promise<unknown>;
      says: RegExp;
    }
  > = {
    'killed with SIGKILL and started again': (redis) => ({
      hurt: () => redis.signal('SIGKILL'),
      heal: () => redis.restart(),
      says: /closed|lost|ECONN/,
    }),
    'stopped with SIGSTOP and continued': (redis) => ({
      hurt: () => redis.signal('SIGSTOP'),
      heal: () => redis.signal('SIGCONT'),
      says: /did not answer within 100 ms/,
    }),
    'read-only, as after a failover, and a primary again': (redis) => ({
      hurt: () => redis.command('REPLICAOF', '127.0.0.1', '1'),
      heal: () => redis.command('REPLICAOF', 'NO', 'ONE'),
      says: /READONLY/,
    }),
    'full and then no more': (redis) => ({
      hurt: () => redis.command('CONFIG', 'SET', 'maxmemory', '1'),
      heal: () => redis.command('CONFIG', 'SET', 'maxmemory', '0'),
      says: /OOM/,
    }),
    'busy with a long script that is then killed': (redis) => ({
      hurt: async () => {
        await redis.command('CONFIG', 'SET', 'busy-reply-threshold', '1');
        redis.command('EVAL', 'while true do end', '0').catch(() => {});
      },
      heal: () => redis.command('SCRIPT', 'KILL'),
      says: /BUSY|did not answer/,
    }),
    'refusing the commands of this user and then not': (redis) => ({
      hurt: () => redis.command('ACL', 'SETUSER', 'default', '-eval', '-evalsha'),
      heal: () => redis.command('ACL', 'SETUSER', 'default', '+eval', '+evalsha'),
      says: /NOPERM/,
    }),
  };

  for (const [name, fault] of Object.entries(faults)) {
    it(`Redis is ${name}: no take fails, one line each way`, async (t) => {
      const redis = await startRedis(t);
      const { hurt, heal, says } = fault(redis);
      const log = new Log();
      const store = await open(t, redis.url, log);
      assert.equal(store.state(), 'ok');
      const stop = load(t, store);
      await hurt();
      await log.count(2);
      assert.equal(store.state(), 'degraded');
      const healed = performance.now();
      await heal();
      await log.count(3);
      t.diagnostic(`recovered ${Math.round(performance.now() - healed)} ms after Redis had`);
      assert.equal(store.state(), 'ok');
      await stop();
      assert.equal(log.lines.length, 3, log.lines.join('\n'));
      assert.match(log.lines[0] ?? '', SHARED);
      assert.match(log.lines[1] ?? '', says);
      assert.match(log.lines[1] ?? '', /^warn Redis does not work/);
      assert.match(log.lines[2] ?? '', SHARED);
    });
  }

  it('Redis is flushed: nobody notices', async (t) => {
    const redis = await startRedis(t);
    const log = new Log();
    const store = await open(t, redis.url, log);
    const stop = load(t, store);
    for (let i = 0; i < 20; i++) {
      await redis.command('FLUSHALL');
      await redis.command('SCRIPT', 'FLUSH');
    }
    await stop();
    assert.equal(log.lines.length, 1);
  });

  it('this process is held up for longer than its patience: Redis is not blamed', async (t) => {
    const redis = await startRedis(t);
    const log = new Log();
    const store = await open(t, redis.url, log);
    const claim = claimOf(freshWindow(10, 60_000));
    for (let i = 0; i < 3; i++) {
      const taken = store.take([claim]);
      const until = performance.now() + 250;
      while (performance.now() < until);
      assert.equal((await taken)[0]?.remaining, 9 - i, 'answered by Redis');
    }
    assert.equal(log.lines.length, 1, log.lines.join('\n'));
  });

  it('Redis is absent at the start and comes later', async (t) => {
    const redis = await startRedis(t);
    await redis.signal('SIGKILL');
    const log = new Log();
    const started = performance.now();
    const store = await open(t, redis.url, log);
    assert.ok(performance.now() - started < 1500);
    assert.equal(store.state(), 'degraded');
    const stop = load(t, store);
    await redis.restart();
    await log.count(2);
    await stop();
    assert.match(log.lines[0] ?? '', /ECONNREFUSED/);
    assert.match(log.lines[1] ?? '', SHARED);
  });
});

describe('what is no Redis at all', { timeout: 60_000 }, () => {
  const answers: Record<string, string> = {
    'says nothing': '',
    'speaks HTTP': 'HTTP/1.1 400 Bad Request\r\n\r\n',
    'answers OK to everything': '+OK\r\n',
    'answers more than it is asked': '+OK\r\n'.repeat(50),
    'sends bytes that are no protocol': '\u0000\u0001\u0002garbage\r\n$99999999\r\n',
  };
  for (const [name, answer] of Object.entries(answers)) {
    it(`${name}: the start goes on and takes are local`, async (t) => {
      const server = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', () => socket.write(answer));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      const address = server.address();
      assert.ok(address !== null && typeof address === 'object');
      const log = new Log();
      const store = await open(t, `redis://:sesame-canary@127.0.0.1:${address.port}`, log);
      assert.equal(store.state(), 'degraded');
      const claim = claimOf(freshWindow(1));
      assert.ok(!(store.take([claim]) instanceof Promise));
      assert.equal(log.lines.length, 1, log.lines.join('\n'));
      assert.doesNotMatch(log.lines.join(), /sesame-canary/);
    });
  }
});

it('a wrong password is told without being told', async (t) => {
  const redis = await startRedis(t, ['--requirepass', 'right-canary']);
  const log = new Log();
  const wrong = await open(t, `redis://:wrong-canary@127.0.0.1:${redis.port}`, log);
  assert.equal(wrong.state(), 'degraded');
  assert.match(log.lines[0] ?? '', /WRONGPASS/);
  assert.doesNotMatch(log.lines.join(), /canary/);
  assert.equal((await open(t, `redis://:right-canary@127.0.0.1:${redis.port}`, log)).state(), 'ok');
});
