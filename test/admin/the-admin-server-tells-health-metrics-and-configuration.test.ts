import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type AdminState, type CheckState, createAdmin } from '../../src/admin/admin.ts';
import { createLog } from '../../src/telemetry/log.ts';

interface World {
  ready: { ok: boolean; reasons: string[] };
  started: boolean;
  checks: Record<string, CheckState>;
  config: unknown;
  render: () => Promise<string>;
}

async function setUp(t: TestContext) {
  const world: World = {
    ready: { ok: true, reasons: [] },
    started: true,
    checks: { config: { state: 'ok' }, redis: { state: 'ok' }, tracing: { state: 'off' } },
    config: { listen: 'localhost:7480' },
    render: () => Promise.resolve('# HELP x y\n'),
  };
  const state: AdminState = {
    version: '9.9.9',
    startedAt: Date.now() - 61_000,
    ready: () => world.ready,
    started: () => world.started,
    generation: () => 3,
    checks: () => world.checks,
    effectiveConfig: () => {
      if (world.config instanceof Error) throw world.config;
      return world.config;
    },
    limits: () => ({ policies: [], store: 'off' }),
  };
  const written: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line) => written.push(line) } });
  const admin = createAdmin({
    addresses: [{ host: '127.0.0.1', port: 0 }],
    state,
    metrics: { render: () => world.render(), contentType: 'text/plain; version=0.0.4; charset=utf-8' },
    log,
  });
  const [address] = await admin.listen();
  assert.ok(address);
  t.after(() => admin.close());
  const ask = async (path: string, method = 'GET') => {
    const { promise, resolve, reject } = Promise.withResolvers<{
      status: number;
      headers: typeof headers;
      body: string;
    }>();
    let headers: NodeJS.Dict<string | string[]> = {};
    const outgoing = request({ host: '127.0.0.1', port: address.port, path, method, agent: false }, (response) => {
      headers = response.headers;
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers, body }));
    });
    outgoing.on('error', reject).end();
    return promise;
  };
  return { world, admin, ask, port: address.port, written };
}

test('live, ready and started say so, uncached and in JSON', async (t) => {
  const { ask } = await setUp(t);
  for (const path of ['/livez', '/readyz', '/startupz', '/health/ready', '/readyz?verbose=1']) {
    const { status, headers, body } = await ask(path);
    assert.equal(status, 200, path);
    assert.equal(headers['cache-control'], 'no-store');
    assert.match(String(headers['content-type']), /^application\/json/);
    assert.deepEqual(JSON.parse(body), { status: 'ok' });
  }
});

test('not ready is 503 with its reasons, and still live', async (t) => {
  const { ask, world } = await setUp(t);
  world.ready = { ok: false, reasons: ['draining'] };
  for (const path of ['/readyz', '/health/ready', '/health']) {
    const { status, body } = await ask(path);
    assert.equal(status, 503, path);
    assert.deepEqual(JSON.parse(body).reasons, ['draining']);
  }
  assert.equal((await ask('/livez')).status, 200);
});

test('before the first readiness startupz is 503', async (t) => {
  const { ask, world } = await setUp(t);
  world.started = false;
  assert.equal((await ask('/startupz')).status, 503);
});

test('a Redis outage is told by /health and leaves /readyz green', async (t) => {
  const { ask, world } = await setUp(t);
  world.checks = { config: { state: 'ok' }, redis: { state: 'degraded', detail: 'Redis does not answer.' } };
  assert.equal((await ask('/readyz')).status, 200);
  const { status, body } = await ask('/health');
  assert.equal(status, 200);
  const health = JSON.parse(body);
  assert.equal(health.status, 'degraded');
  assert.deepEqual(health.checks.redis, { state: 'degraded', detail: 'Redis does not answer.' });
});

test('health has version, uptime, generation and checks; `off` is not degraded', async (t) => {
  const { ask } = await setUp(t);
  const { uptime_seconds, ...rest } = JSON.parse((await ask('/health')).body);
  assert.ok(uptime_seconds >= 61 && uptime_seconds < 70);
  assert.deepEqual(rest, {
    status: 'ok',
    version: '9.9.9',
    config_generation: 3,
    checks: { config: { state: 'ok' }, redis: { state: 'ok' }, tracing: { state: 'off' } },
  });
});

test('metrics come as the text format', async (t) => {
  const { ask } = await setUp(t);
  const { status, headers, body } = await ask('/metrics');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(body, '# HELP x y\n');
});

test('the configuration comes without anything that looks like a key', async (t) => {
  const { ask, world } = await setUp(t);
  world.config = { redis: { url: 'redis://u:hunter2hunter2@redis:6379' }, n: 1, note: 'sk-proj-abcdefghijklmnop1234' };
  const { status, body } = await ask('/config');
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(body), { redis: { url: 'redis://[redacted]@redis:6379' }, n: 1, note: '[redacted]' });
});

test('an unknown path is 404 with the endpoints; query and absolute form are understood', async (t) => {
  const { ask } = await setUp(t);
  for (const path of ['/', '/livez/', '/LIVEZ', '/__proto__', '//livez', '/health/../livez']) {
    const { status, body } = await ask(path);
    assert.equal(status, 404, path);
    assert.deepEqual(JSON.parse(body).endpoints, [
      '/livez',
      '/readyz',
      '/startupz',
      '/health',
      '/health/ready',
      '/metrics',
      '/config',
      '/limits',
    ]);
  }
  assert.equal((await ask('http://pod.example:7490/livez?x')).status, 200);
});

test('only GET and HEAD are allowed, and HEAD has no body', async (t) => {
  const { ask } = await setUp(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) {
    const { status, headers } = await ask('/config', method);
    assert.equal(status, 405, method);
    assert.equal(headers.allow, 'GET, HEAD');
  }
  const head = await ask('/health', 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.body, '');
  assert.ok(Number(head.headers['content-length']) > 50);
});

test('an endpoint that fails is 500 without the reason, which is logged once', async (t) => {
  const { ask, world, written } = await setUp(t);
  world.config = new Error('the reason');
  world.render = () => Promise.reject(new Error('the reason'));
  for (const path of ['/config', '/metrics', '/config']) {
    const { status, body } = await ask(path);
    assert.equal(status, 500);
    assert.doesNotMatch(body, /the reason/);
  }
  assert.equal(written.length, 1);
  assert.match(written[0] ?? '', /the reason/);
  assert.equal((await ask('/livez')).status, 200);
});

test('a body that nobody asked for does not become the next request', async (t) => {
  const { port } = await setUp(t);
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString();
  });
  socket.write('GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nGET /config HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'close');
  assert.equal(received.match(/HTTP\/1\.1/g)?.length, 1);
  assert.match(received, /connection: close/i);
});

test('oversized headers are refused', async (t) => {
  const { port } = await setUp(t);
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`);
  const [chunk] = await once(socket, 'data');
  assert.match(String(chunk), /^HTTP\/1\.1 431 /);
});

test('close ends idle and silent connections and refuses new ones', async (t) => {
  const { admin, port } = await setUp(t);
  const idle = connect(port, '127.0.0.1');
  idle.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
  const [chunk] = await once(idle, 'data');
  assert.match(String(chunk), /keep-alive/i);
  const silent = connect(port, '127.0.0.1');
  silent.on('error', () => {});
  silent.write('GET /live');
  await once(silent, 'connect');
  const ended = Promise.all([once(idle, 'close'), once(silent, 'close')]);
  const started = performance.now();
  await admin.close();
  await ended;
  assert.ok(performance.now() - started < 2000);
  const late = connect(port, '127.0.0.1');
  const [error] = await once(late, 'error');
  assert.equal(error.code, 'ECONNREFUSED');
  await admin.close();
});

const OFFLINE: Omit<Parameters<typeof createAdmin>[0], 'addresses'> = {
  state: {
    version: '1',
    startedAt: 0,
    ready: () => ({ ok: true, reasons: [] }),
    started: () => true,
    generation: () => 1,
    checks: () => ({}),
    effectiveConfig: () => ({}),
    limits: () => ({ policies: [], store: 'off' }),
  },
  metrics: { render: () => Promise.resolve(''), contentType: 'text/plain' },
  log: createLog({ level: 'silent', destination: { write() {} } }),
};

test('an address in use is an error that names it, and nothing stays open', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const free = { host: '127.0.0.1', port: 0 };
  const admin = createAdmin({ ...OFFLINE, addresses: [free, { host: '127.0.0.1', port }] });
  await assert.rejects(admin.listen(), new RegExp(`admin: 127\\.0\\.0\\.1:${port} is in use`));
});

test('it listens on several addresses; an optional one that this machine lacks is left out', async (t) => {
  const absent = { host: '192.0.2.1', port: 0 };
  const two = [
    { host: '127.0.0.1', port: 0 },
    { host: '127.0.0.2', port: 0 },
  ];
  const admin = createAdmin({ ...OFFLINE, addresses: [...two, { ...absent, optional: true }] });
  t.after(() => admin.close());
  assert.deepEqual(
    (await admin.listen()).map((info) => info.address),
    ['127.0.0.1', '127.0.0.2'],
  );
  const strict = createAdmin({ ...OFFLINE, addresses: [absent] });
  await assert.rejects(strict.listen(), /does not have the address 192\.0\.2\.1:0/);
});
