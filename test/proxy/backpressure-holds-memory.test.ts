import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

const size = 200 * 1024 * 1024;
const block = Buffer.alloc(256 * 1024, 97);
/** Sluice's own bound: 20 MiB over idle. */
const most = 20 * 1024;

/** Resident memory of a process in KiB. */
const rssOf = (pid: number) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** A Sluice in a process of its own, warm, and what it uses when nothing runs. */
async function start(t: TestContext, upstreamUrl: string) {
  const sluice = spawnSluice(['--config', await yamlFile(proxyYaml({ upstream: upstreamUrl }), { t })], {}, { t });
  const { url } = await sluice.ready;
  for (let i = 0; i < 300; i++) {
    await (await fetch(`${url}/openai/warm`, { method: 'POST', body: block.subarray(0, 10_000) })).arrayBuffer();
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { url, pid: sluice.pid, idle: rssOf(sluice.pid) };
}

/** The most it uses while `ms` pass. */
async function peakOf(pid: number, ms: number): Promise<number> {
  let peak = 0;
  for (const end = performance.now() + ms; performance.now() < end; ) {
    peak = Math.max(peak, rssOf(pid));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return peak;
}

test('200 MB for a client that does not read, and 200 MB for an upstream that does not, stay where they are', async (t) => {
  const upstream = await startRawUpstream(
    async (exchange) => {
      if (exchange.url === '/warm') {
        await exchange.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      } else if (exchange.url === '/down') {
        await exchange.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
        for (let sent = 0; sent < size && (await exchange.write(block)); sent += block.length);
      } else {
        exchange.socket.pause();
      }
    },
    { t, on: 'head' },
  );
  const { url, pid, idle } = await start(t, upstream.url);

  const down = await connectRaw(url);
  await down.send('GET /openai/down HTTP/1.1\r\nhost: x\r\n\r\n');
  await down.head();
  down.pause();
  const downPeak = await peakOf(pid, 1500);
  t.diagnostic(`down: idle ${idle} KiB, at most ${downPeak} KiB`);
  assert.ok(downPeak - idle < most, `${downPeak - idle} KiB over idle`);

  const up = await connectRaw(url);
  await up.send(`POST /openai/up HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\n\r\n`);
  const sending = (async () => {
    for (let sent = 0; sent < size; sent += block.length) await up.send(block);
  })().catch(() => undefined);
  const upPeak = await peakOf(pid, 1500);
  t.diagnostic(`up: at most ${upPeak} KiB`);
  assert.ok(upPeak - idle < most, `${upPeak - idle} KiB over idle`);
  assert.ok(up.socket.bytesWritten < size, 'it was held back');

  // A neighbour is served as ever.
  assert.equal(await (await fetch(`${url}/openai/warm`)).text(), 'ok');
  // What was held back arrives whole once it is read.
  let received = 0;
  down.resume();
  while (received < size) received += (await down.chunk())?.length ?? Number.NaN;
  assert.equal(received, size);
  up.reset();
  await sending;
});
