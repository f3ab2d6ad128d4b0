/**
 * `npm run test:image`, as root on Linux with buildah, runc and debootstrap: builds the image and runs it as a pod would.
 * Not a part of `npm test`, for it needs those and minutes.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { startProvider } from '../../support/fake-provider.ts';
import { freePort } from '../../support/free-port.ts';
import { openStreams } from '../../support/open-streams.ts';
import { proxyYaml } from '../../support/proxy-yaml.ts';
import { buildImage, type Image } from './build-image.ts';
import { type Container, startContainer } from './container.ts';
import { type Start, timeToReady } from './time-to-ready.ts';

const MiB = 1024 * 1024;
const memoryBytes = 128 * MiB;
const howMany = 500;
const args = ['--config', '/etc/sluice/proxy.yaml'];
const mib = (bytes: number) => `${(bytes / MiB).toFixed(1)} MiB`;
const tell = (text: string) => console.log(`  ${text}`);
const asked = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'gpt-4o', messages: [] }),
};

const medianOf = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

function described(starts: Start[]): string {
  const walls = starts.map(({ wall }) => Math.round(wall));
  return `${medianOf(walls)} ms (${walls.join(' ')}), ${medianOf(starts.map(({ cpu }) => cpu))} ms of CPU`;
}

let image: Image;
before(async () => {
  image = await buildImage();
});
after(() => image?.remove());

/** A provider whose streams wait after their first event until `open`. */
async function startGatedProvider(t: TestContext) {
  const gate = Promise.withResolvers<void>();
  const provider = await startProvider({ t, gate: ({ index }) => (index > 0 ? gate.promise : undefined) });
  return { provider, open: () => gate.resolve() };
}

/** Tracing is on, to a collector that nobody listens for. */
async function startSluice(t: TestContext, upstream: string) {
  const yaml = proxyYaml({
    upstream,
    extra: { server: { drain: '25s' }, telemetry: { traces: { endpoint: 'http://127.0.0.1:9', sample: 1 } } },
  });
  const container = await startContainer(image, { t, yaml, args, memoryBytes });
  const line = await container.log.waitFor(({ msg }) => msg === 'sluice is ready');
  const [url] = line.listen as [string];
  const [adminUrl] = line.admin as [string];
  return { container, url, adminUrl };
}

async function tellMemory(container: Container, when: string): Promise<void> {
  const rss = Number.parseInt(await container.status('VmRSS'), 10) * 1024;
  tell(`${when}: RSS ${mib(rss)}, cgroup ${mib(container.memory.used)} of ${mib(memoryBytes)}`);
}

async function status(url: string): Promise<number> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

test('the layers over the base are 15 MB at most, with labels, licences and the list of what is inside', async () => {
  for (const layer of image.layers) tell(`layer: ${mib(layer.compressed)} compressed, ${mib(layer.unpacked)} unpacked`);
  const unpacked = image.layers.reduce((sum, layer) => sum + layer.unpacked, 0);
  assert.ok(image.layers.length > 0);
  assert.ok(unpacked <= 15e6, `${unpacked} bytes`);
  const { Labels, User } = image.config;
  assert.equal(User, '65532:65532');
  assert.equal(Labels['org.opencontainers.image.title'], 'Sluice');
  assert.equal(Labels['org.opencontainers.image.licenses'], 'Apache-2.0');
  const files = await readdir(join(image.rootfs, 'app'), { recursive: true });
  for (const file of ['LICENSE', 'dist/THIRD-PARTY-LICENSES.txt', 'dist/sbom.cdx.json'])
    assert.ok(files.includes(file));
  const bom = JSON.parse(await readFile(join(image.rootfs, 'app/dist/sbom.cdx.json'), 'utf8'));
  assert.ok(bom.components.length > 10);
});

test('it runs as 65532 without a capability, its root is read-only, and there is no shell', async (t) => {
  const { provider } = await startGatedProvider(t);
  const { container } = await startSluice(t, provider.url);
  assert.match(await container.status('Uid'), /^65532\s+65532\s+65532\s+65532$/);
  for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb']) {
    assert.equal(await container.status(set), '0000000000000000', set);
  }
  assert.equal(await container.status('NoNewPrivs'), '1');
  const script = `
    const { writeFileSync, existsSync } = require('node:fs');
    let refused = '';
    try { writeFileSync('/app/x', ''); } catch (error) { refused = error.code; }
    console.log(JSON.stringify({ refused, shell: existsSync('/bin/sh'), heap: v8.getHeapStatistics().heap_size_limit }));`;
  const flags = image.config.Entrypoint.slice(0, -1);
  const other = await startContainer(image, {
    t,
    yaml: '',
    entrypoint: [...flags, '-e', script],
    args: [],
    memoryBytes,
  });
  assert.equal(await other.exited, 0, other.output);
  const { refused, shell, heap } = JSON.parse(other.output);
  assert.equal(refused, 'EROFS');
  assert.equal(shell, false);
  tell(`heap limit: ${mib(heap)} of ${mib(memoryBytes)}`);
  assert.ok(heap < memoryBytes * 0.8, 'the heap is sized from the cgroup');
});

test('the code cache of the image is accepted, whoever runs it', async (t) => {
  const check = { t, yaml: '', args: ['check', '--no-dns'], env: { NODE_DEBUG: 'sluice' }, memoryBytes };
  const shipped = await startContainer(image, check);
  assert.equal(await shipped.exited, 0, shipped.output);
  assert.match(shipped.output, /code cache: accepted/);
  const foreign = await startContainer(image, { ...check, uid: 1000 });
  assert.equal(await foreign.exited, 0, foreign.output);
  assert.match(foreign.output, /code cache: accepted/);
});

test('it is ready within 250 ms with tracing on, at the median of five', async (t) => {
  const port = await freePort();
  const telemetry = { traces: { endpoint: 'http://127.0.0.1:9' } };
  const yaml = proxyYaml({ upstream: 'http://127.0.0.1:9', extra: { admin: `127.0.0.1:${port}`, telemetry } });
  const start = (env: Record<string, string>) => timeToReady(image, port, { yaml, args, env, memoryBytes });
  const cached: Start[] = [];
  const bare: Start[] = [];
  // In turns, so that whatever else the machine does is shared.
  for (let i = 0; i < 5; i++) {
    cached.push(await start({}));
    // A flag that changes what V8 makes of code.
    bare.push(await start({ NODE_OPTIONS: '--stack-trace-limit=11' }));
  }
  const load = loadavg()[0] ?? 0;
  tell(`time to /readyz: ${described(cached)}`);
  tell(`without the code cache: ${described(bare)}`);
  tell(`load of the machine: ${load.toFixed(1)}`);
  // Where others work, the clock tells of them: then it is only bounded.
  if (load >= 1) t.diagnostic('the machine is busy: 250 ms cannot be judged');
  assert.ok(medianOf(cached.map(({ wall }) => wall)) <= (load < 1 ? 250 : 1500));
});

test(`${howMany} streams at once within 128 MiB, probed meanwhile, and drained by SIGTERM`, async (t) => {
  const first = await startGatedProvider(t);
  const { container, url, adminUrl } = await startSluice(t, first.provider.url);
  await tellMemory(container, 'idle');
  const streams = await openStreams(url, howMany);
  assert.equal(first.provider.open, howMany, 'all of them are open at once');
  await tellMemory(container, `${howMany} streams`);
  for (const probe of ['livez', 'readyz', 'startupz']) assert.equal(await status(`${adminUrl}/${probe}`), 200, probe);

  await container.signal('TERM');
  await container.log.waitFor(({ msg }) => msg === 'draining');
  assert.equal(await status(`${adminUrl}/readyz`), 503);
  assert.equal(await status(`${adminUrl}/livez`), 200);
  const late = await fetch(`${url}/openai/v1/chat/completions`, asked);
  assert.equal(late.status, 200, 'new requests are served while it drains');
  await late.arrayBuffer();
  first.open();
  for (const { text } of await Promise.all(streams.map((stream) => stream.ended))) assert.match(text, /\[DONE\]\n\n$/);
  const { memory } = container;
  assert.equal(memory.kills, 0);
  assert.equal(await container.exited, 0, container.output.slice(-2000));
});
