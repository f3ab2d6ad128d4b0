import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createLog } from '../../src/telemetry/log.ts';
import { createTracing, type Tracing } from '../../src/telemetry/tracing.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly lost_spans?: number;
}

/** A log whose lines can be waited for. */
function captureLog(t: TestContext) {
  const lines: Line[] = [];
  let changed = Promise.withResolvers<void>();
  const log = createLog({
    level: 'info',
    destination: {
      write(line) {
        lines.push(JSON.parse(line));
        changed.resolve();
        changed = Promise.withResolvers();
      },
    },
  });
  t.after(() => log.close());
  const waitFor = async (text: RegExp) => {
    while (!lines.some((line) => text.test(line.msg))) await changed.promise;
  };
  return { log, lines, waitFor };
}

function record(tracing: Tracing, count: number): void {
  for (let i = 0; i < count; i += 1) {
    tracing.startExchange({ method: 'GET', route: '/x', path: '/x' }).end({ status: 200, outcome: 'complete' });
  }
}

async function start(t: TestContext, endpoint: string, log: ReturnType<typeof captureLog>['log']): Promise<Tracing> {
  const tracing = await createTracing({ endpoint, sample: 1, version: '1', batchMs: 10 }, log);
  assert.ok(tracing);
  t.after(() => tracing.close());
  return tracing;
}

/** A collector that accepts connections and does to them what it is told. */
async function startPeer(t: TestContext, accept: (socket: Socket) => void): Promise<{ url: string; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    accept(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

test('a collector that refuses is said once, and once more when it takes spans again', async (t) => {
  let status = 400;
  const receiver = await startOtlpReceiver({ status: () => status });
  t.after(() => receiver.close());
  const { log, lines, waitFor } = captureLog(t);
  const tracing = await start(t, receiver.url, log);
  assert.equal(tracing.exportState(), 'unknown');

  record(tracing, 3);
  await waitFor(/cannot be exported/);
  assert.equal(tracing.exportState(), 'failing');
  while (tracing.dropped() < 8) {
    record(tracing, 1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  status = 200;
  while (receiver.received.length === 0) {
    record(tracing, 1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await waitFor(/exported again/);
  assert.equal(tracing.exportState(), 'ok');
  const [warning, recovery] = lines;
  assert.equal(lines.length, 2);
  assert.equal(warning?.level, 'warn');
  assert.ok(recovery?.lost_spans !== undefined && recovery.lost_spans >= 8);
});

test('a collector that never answers fills the queue to its bound; what is above is dropped and counted', async (t) => {
  const peer = await startPeer(t, () => {});
  const { log } = captureLog(t);
  const tracing = await start(t, peer.url, log);
  record(tracing, 50_000);
  assert.equal(tracing.dropped(), 50_000 - 2048);
});

test('closing with a collector that never answers takes two seconds at most', async (t) => {
  const peer = await startPeer(t, () => {});
  const { log } = captureLog(t);
  const tracing = await start(t, peer.url, log);
  record(tracing, 2000);
  const started = performance.now();
  await tracing.close();
  const took = performance.now() - started;
  assert.ok(took < 2500, `${took} ms`);
  record(tracing, 10); // harmless afterwards
});

test('what was sent makes room: a good collector gets far more spans than may wait at a time', async (t) => {
  const receiver = await startOtlpReceiver();
  t.after(() => receiver.close());
  const { log } = captureLog(t);
  const tracing = await start(t, receiver.url, log);
  for (let sent = 0; sent < 6000; sent += 1000) {
    record(tracing, 1000);
    await receiver.spans(sent + 1000);
  }
  assert.equal(tracing.dropped(), 0);
});

test('closing sends what is waiting', async (t) => {
  const receiver = await startOtlpReceiver();
  t.after(() => receiver.close());
  const { log } = captureLog(t);
  const tracing = await createTracing({ endpoint: receiver.url, sample: 1, version: '1', batchMs: 60_000 }, log);
  assert.ok(tracing);
  record(tracing, 1500);
  await tracing.close();
  assert.equal(receiver.received.length, 1500);
  await tracing.close();
});

test('a collector that drips its answer for ever loses its batch and its connection', async (t) => {
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '300';
  t.after(() => delete process.env.OTEL_EXPORTER_OTLP_TIMEOUT);
  const closed = Promise.withResolvers<void>();
  const peer = await startPeer(t, (socket) => {
    const timer = setInterval(() => socket.write('a'), 50);
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n'));
    socket.on('close', () => {
      clearInterval(timer);
      closed.resolve();
    });
  });
  const { log, waitFor } = captureLog(t);
  const tracing = await start(t, peer.url, log);
  record(tracing, 1);
  await waitFor(/cannot be exported/);
  await closed.promise;
  assert.equal(tracing.dropped(), 1);
});

test('two apps have tracing of their own, and headers and resource come from the standard variables', async (t) => {
  process.env.OTEL_EXPORTER_OTLP_HEADERS = 'x-tenant=blue';
  process.env.OTEL_RESOURCE_ATTRIBUTES = 'deployment.environment.name=test,service.name=game';
  process.env.OTEL_EXPORTER_OTLP_COMPRESSION = 'gzip';
  const [one, two] = [await startOtlpReceiver(), await startOtlpReceiver()];
  t.after(async () => {
    delete process.env.OTEL_EXPORTER_OTLP_HEADERS;
    delete process.env.OTEL_RESOURCE_ATTRIBUTES;
    delete process.env.OTEL_EXPORTER_OTLP_COMPRESSION;
    await Promise.all([one.close(), two.close()]);
  });
  const { log } = captureLog(t);
  const first = await start(t, one.url, log);
  const second = await start(t, `${two.url}/v1/traces`, log);
  record(first, 1);
  record(second, 2);
  await Promise.all([one.spans(1), two.spans(2)]);
  assert.equal(one.received.length, 1);
  assert.equal(one.batches[0]?.['x-tenant'], 'blue');
  assert.equal(one.batches[0]?.['content-encoding'], 'gzip');
  assert.equal(one.received[0]?.resource['service.name'], 'game');
  assert.equal(one.received[0]?.resource['deployment.environment.name'], 'test');
  assert.notEqual(one.received[0]?.resource['service.instance.id'], two.received[0]?.resource['service.instance.id']);
});
