/**
 * The kernel kills a process that takes more than the limit of its cgroup. Where none can be made (not root), Node is told
 * of the same limit and what the process has taken is measured instead.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { dockerfile, root } from '../packaging/repository.ts';
import { startProvider } from '../support/fake-provider.ts';
import { makeMemoryCgroup } from '../support/memory-cgroup.ts';
import { openStreams } from '../support/open-streams.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { type SluiceProcess, spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

const MiB = 1024 * 1024;
const limit = 128 * MiB;
const mebibytes = (bytes: number) => `${Math.round(bytes / MiB)} MiB`;

/** The bundle with the flags of the image, within the limit. */
async function startLimited(t: TestContext, yaml: string) {
  const dist = await mkdtemp(join(tmpdir(), 'sluice-memory-'));
  t.after(() => rm(dist, { recursive: true, force: true }));
  await promisify(execFile)(process.execPath, [join(root, 'esbuild.mjs'), '--outdir', dist]);
  const entry = dockerfile().find(({ instruction }) => instruction === 'ENTRYPOINT')?.rest ?? '[]';
  const flags: string[] = JSON.parse(entry).slice(1, -1);
  const cgroup = makeMemoryCgroup(`sluice-test-${process.pid}-${Math.random().toString(36).slice(2)}`, limit);
  if (cgroup === undefined) {
    t.diagnostic('no cgroup can be made here: the limit is only told, and measured');
    flags.push('--import', `data:text/javascript,process.constrainedMemory=()=>${limit}`);
  }
  t.after(() => cgroup?.remove());
  const sluice = spawnSluice(
    ['--config', await yamlFile(yaml, { t })],
    {},
    { t, main: join(dist, 'sluice.js'), flags, cgroup },
  );
  const { url, adminUrl } = await sluice.ready;
  let anonymous = 0;
  /** Resident bytes, those of shared files included. */
  const resident = async () => {
    const status = await readFile(`/proc/${sluice.pid}/status`, 'utf8');
    const bytesOf = (field: string) => Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(status)?.[1]) * 1024;
    anonymous = Math.max(anonymous, bytesOf('RssAnon'));
    return bytesOf('VmRSS');
  };
  /** The most that counted against the limit; without a cgroup as far as somebody looked. */
  const peak = () => cgroup?.most ?? anonymous;
  return { sluice, url, adminUrl, cgroup, resident, peak };
}

const isScarce = ({ msg }: { msg?: unknown }) => String(msg).startsWith('memory is scarce');
const isOver = ({ msg }: { msg?: unknown }) => msg === 'memory is no longer scarce';

async function ask(url: string): Promise<Response> {
  const response = await fetch(`${url}/openai/v1/models`);
  await response.clone().arrayBuffer();
  return response;
}

/** Waits until what is asked holds, at most a minute, and asks the process whether it lives. */
async function until(sluice: SluiceProcess, holds: () => Promise<boolean> | boolean): Promise<void> {
  let exit: unknown;
  void sluice.exited.then((how) => (exit = how));
  for (const end = performance.now() + 60_000; !(await holds()); await wait(20)) {
    assert.equal(exit, undefined, `it was ended:\n${sluice.stdout.slice(-1000)}`);
    assert.ok(performance.now() < end, 'a minute has passed');
  }
}

/** Sends a body of so many bytes of which the last byte is kept back. */
async function upload(t: TestContext, url: string, length: number): Promise<RawClient> {
  const client = await connectRaw(url, { t });
  await client.send(
    `POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`,
  );
  // The proxy may answer, or stop reading, before it has all.
  client.send(Buffer.alloc(length - 1, ' ')).catch(() => undefined);
  return client;
}

test('held bodies up to the memory limit: new work gets 503, streams go on, and it recovers', async (t) => {
  const gate = Promise.withResolvers<void>();
  const large = Buffer.alloc(8 * MiB, 'x');
  const provider = await startProvider({
    t,
    gate: ({ index }) => (index > 0 ? gate.promise : undefined),
    handle: ({ url }, _, response) => url === '/large' && response.end(large) !== undefined,
  });
  const yaml = proxyYaml({
    upstream: provider.url,
    // To know the model every body is held whole.
    policies: [{ policy: 'request-rate', when: { model: 'm-*' }, with: { limit: 1000, per: '1m', key: 'global' } }],
    // More than there is: only the look at memory itself is in the way.
    extra: { server: { held_bytes: '1GiB' } },
  });
  const { sluice, url, adminUrl, cgroup, resident, peak } = await startLimited(t, yaml);
  const streams = await openStreams(url, 50);
  t.diagnostic(`50 streams: RSS ${mebibytes(await resident())}`);
  const slow = await Promise.all(Array.from({ length: 50 }, () => fetch(`${url}/openai/large`)));
  t.diagnostic(`and 50 who do not read their 8 MiB: RSS ${mebibytes(await resident())}`);
  const uploads: RawClient[] = [];
  const flood = () => Promise.all(Array.from({ length: 8 }, () => upload(t, url, 4 * MiB)));
  let scarce = false;
  void sluice.logged(isScarce).then(
    () => (scarce = true),
    () => undefined,
  );
  await until(sluice, async () => {
    await resident();
    if (!scarce) uploads.push(...(await flood()));
    return scarce;
  });
  const refused = await ask(url);
  t.diagnostic(`${uploads.length} uploads of 4 MiB: RSS ${mebibytes(await resident())}, then ${refused.status}`);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal(((await refused.json()) as { code: string }).code, 'overloaded');
  assert.equal((await fetch(`${adminUrl}/readyz`)).status, 200, 'the pod stays ready');

  // It goes on as fast as the loopback is. Whom there is no room for hears so; who is held gets no answer yet.
  const more: RawClient[] = [];
  for (const end = performance.now() + 2_000; performance.now() < end; await wait(20)) {
    await until(sluice, async () => (await resident()) > 0);
    more.push(...(await flood()));
  }
  const heard = more.filter(({ received }) => received.includes(' 503 ')).length;
  const cut = more.filter(({ socket, received }) => socket.destroyed && received.length === 0).length;
  t.diagnostic(`${more.length} more: ${heard} have heard 503; most within the limit: ${mebibytes(peak())} of 128`);
  assert.equal(cut, 0, 'nobody is cut off without an answer');
  assert.ok(heard > 0);
  uploads.push(...more);

  gate.resolve();
  for (const { ended } of streams) assert.match((await ended).text, /\[DONE\]\n\n$/);
  for (const response of slow) assert.equal((await response.arrayBuffer()).byteLength, large.length);
  for (const client of uploads) client.reset();
  await sluice.logged(isOver);
  await until(sluice, async () => (await ask(url)).status === 200);
  t.diagnostic(`at last: RSS ${mebibytes(await resident())}; most within the limit: ${mebibytes(peak())} of 128`);
  assert.equal(cgroup?.kills ?? 0, 0);
  // Without a cgroup V8 sizes its spaces by the machine, and takes more.
  if (cgroup !== undefined) assert.ok(peak() <= limit);
  assert.deepEqual(await sluice.kill(), { code: 0, signal: null });
});
