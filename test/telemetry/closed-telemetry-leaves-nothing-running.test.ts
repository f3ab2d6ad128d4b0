import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

/** Runs a program in a process of its own; resolves with what it printed. */
async function run(program: string): Promise<string> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: new URL('../..', import.meta.url),
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  return printed.trim();
}

test('after close no timer and no observer of collections is left, and a hundred apps leave no memory behind', async () => {
  const printed = await run(`
    import { createMetrics } from './src/telemetry/metrics.ts';
    import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
    const original = { observe: PerformanceObserver.prototype.observe, disconnect: PerformanceObserver.prototype.disconnect };
    let observers = 0;
    PerformanceObserver.prototype.observe = function (...args) { observers += 1; return original.observe.apply(this, args); };
    PerformanceObserver.prototype.disconnect = function () { observers -= 1; return original.disconnect.call(this); };
    const monitor = Object.getPrototypeOf(monitorEventLoopDelay());
    const { enable, disable } = monitor;
    let monitors = 0;
    monitor.enable = function () { monitors += 1; return enable.call(this); };
    monitor.disable = function () { monitors -= 1; return disable.call(this); };
    const before = process.getActiveResourcesInfo().length;
    const open = createMetrics(); const whileOpen = { observers, monitors }; open.close();
    const refs = [];
    for (let i = 0; i < 100; i += 1) { const m = createMetrics(); m.route('/a'); await m.render(); m.close(); refs.push(new WeakRef(m)); }
    await new Promise((resolve) => setTimeout(resolve, 10));
    globalThis.gc(); await new Promise((resolve) => setTimeout(resolve, 10)); globalThis.gc();
    const alive = refs.filter((ref) => ref.deref() !== undefined).length;
    console.log(JSON.stringify({ whileOpen, observers, monitors, resources: process.getActiveResourcesInfo().length - before, alive }));
  `);
  const { whileOpen, observers, monitors, resources, alive } = JSON.parse(printed);
  assert.deepEqual(whileOpen, { observers: 1, monitors: 1 });
  assert.deepEqual({ observers, monitors }, { observers: 0, monitors: 0 });
  assert.ok(resources <= 0, `${resources} more active resources than before`);
  assert.ok(alive <= 1, `${alive} closed metrics are still in memory`);
});

test('without an endpoint nothing of the OpenTelemetry SDK is loaded', async () => {
  const printed = await run(`
    import { createRequire, registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load(url, context, next) { if (url.includes('opentelemetry')) loaded.push(url); return next(url, context); } });
    const { createTracing } = await import('./src/telemetry/tracing.ts');
    const { createLog } = await import('./src/telemetry/log.ts');
    const log = createLog({ level: 'silent', destination: { write() {} } });
    const off = await createTracing({ endpoint: '', sample: 1, version: '1' }, log);
    const whenOff = loaded.length;
    const on = await createTracing({ endpoint: 'http://127.0.0.1:1', sample: 1, version: '1' }, log);
    await on.close();
    console.log(JSON.stringify({ off: off === undefined, whenOff, whenOn: loaded.length > 0 }));
  `);
  assert.deepEqual(JSON.parse(printed), { off: true, whenOff: 0, whenOn: true });
});

const collectors = {
  'refuses connections': '',
  'never answers': 'createServer(() => {})',
  'says that it is too busy': "createServer((_, answer) => answer.writeHead(503, { 'retry-after': '4' }).end())",
  'says so and names no time': 'createServer((_, answer) => answer.writeHead(503).end())',
};
for (const [what, server] of Object.entries(collectors)) {
  test(`after close a collector that ${what} holds the process no longer`, async () => {
    const printed = await run(`
      import { createServer } from 'node:http';
      import { once } from 'node:events';
      import { createTracing } from './src/telemetry/tracing.ts';
      import { createLog } from './src/telemetry/log.ts';
      const log = createLog({ level: 'silent', destination: { write() {} } });
      const server = ${server === '' ? 'undefined' : server};
      server?.listen(0, '127.0.0.1');
      if (server) { await once(server, 'listening'); server.unref(); server.on('connection', (socket) => socket.unref()); }
      const endpoint = 'http://127.0.0.1:' + (server?.address().port ?? 1);
      const tracing = await createTracing({ endpoint, sample: 1, version: '1', batchMs: 10 }, log);
      const exchange = () => tracing.startExchange({ method: 'GET', route: '/', path: '/' }).end({ status: 200, outcome: 'complete' });
      exchange();
      await new Promise((resolve) => setTimeout(resolve, 100));
      exchange();
      const closing = performance.now();
      await tracing.close();
      const closed = performance.now();
      process.on('exit', () => console.log(JSON.stringify({ closing: closed - closing, held: performance.now() - closed })));
    `);
    const { closing, held } = JSON.parse(printed);
    assert.ok(closing < 2500, `closing took ${closing} ms`);
    assert.ok(held < 500, `it was held for ${held} ms`);
  });
}
