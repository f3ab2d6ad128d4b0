/** One run: exchanges of all kinds with everything that can go wrong around them, then the ends that a process can have. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SluiceProcess } from '../support/spawn-sluice.ts';
import { send } from './client.ts';
import { secretHeaders, secretQuery } from './client-secrets.ts';
import { kinds } from './exchanges.ts';
import { brokenYaml } from './mistakes.ts';
import { GIVEN } from './places.ts';
import { type Scene, setScene } from './scene.ts';

const AT_ONCE = 8;
/** Turns from here on are those of the process that crashes: no request id comes twice. */
export const CRASHING_FROM = 1_000_000;
const crashing = fileURLToPath(new URL('crash-on-signal.ts', import.meta.url));

/** Runs so many exchanges and more; everything that was captured is in the scene's `captures` afterwards. */
export async function runCanary(t: TestContext, exchanges: number): Promise<Scene> {
  const scene = await setScene(t);
  const report = ['--report-on-signal', '--report-signal=SIGUSR2', '--report-uncaught-exception'];
  const options = [...report, '--report-on-fatalerror', `--import=${crashing}`];
  const sluice = scene.start(options);
  const { url, adminUrl } = await sluice.ready;
  const some = Math.floor((exchanges - 2 * kinds.length) / 2);
  let turn = 0;
  const next = async (count: number) => {
    await exchange(scene, url, turn, turn + count);
    turn += count;
  };

  await scrape(scene, adminUrl);
  await next(some);
  await scrape(scene, adminUrl);
  await scene.mounted.swap(sluice);
  await withDeadNeighbours(scene, () => next(some));
  scene.tls.showCertificate('unknown');
  await next(kinds.length);
  scene.tls.showCertificate('trusted');
  await scene.comeBack();
  // What came while the collector was dead may be lost; from here on spans arrive again.
  const from = turn;
  for (const end = Date.now() + 30_000; !arrived(scene, from, turn); ) {
    assert.ok(Date.now() < end, 'the collector is back, and no span of an exchange arrives');
    await next(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await next(kinds.length);
  await reload(scene, sluice);
  await scrape(scene, adminUrl);
  sluice.signal('SIGPWR');
  await sluice.logged(({ msg }) => msg === 'an error was caught by nobody');
  sluice.signal('SIGUSR2');
  await reported(sluice);
  const running = exchange(scene, url, turn, turn + kinds.length);
  assert.deepEqual(await sluice.kill('SIGTERM'), { code: 0, signal: null });
  await running;

  await check(scene);
  await crash(scene, options);
  await scene.collect();
  return scene;
}

/** Whether a span of one of these turns has arrived. */
function arrived({ captures }: Scene, from: number, to: number): boolean {
  const spans = captures.bytes('spans');
  for (let turn = from; turn < to; turn++) if (spans.includes(`run-${turn}`)) return true;
  return false;
}

async function exchange(scene: Scene, url: string, from: number, to: number): Promise<void> {
  let turn = from;
  const work = async () => {
    while (turn < to) {
      const mine = turn++;
      const made = kinds[mine % kinds.length]?.(scene.secrets, mine);
      if (made === undefined) throw new Error('there is no such kind');
      scene.captures.add(GIVEN, made.bytes.slice(0, 4000));
      await send(url, made.bytes, scene.captures, made.options);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Redis and the collector are dead meanwhile, and there again afterwards. */
async function withDeadNeighbours({ redis, collector }: Scene, act: () => Promise<void>): Promise<void> {
  await Promise.all([redis.signal('SIGKILL'), collector.close()]);
  await act();
  await Promise.all([redis.restart(), collector.open()]);
}

const ADMIN = ['/livez', '/readyz', '/startupz', '/health', '/health/ready', '/metrics', '/config', '/', '/nothing'];

/** Every endpoint of the admin port, asked by somebody who carries secrets, too. */
async function scrape({ secrets, captures }: Scene, adminUrl: string): Promise<void> {
  for (const path of ADMIN) {
    for (const target of [path, `${path}${secretQuery(secrets)}`]) {
      const lines = [`GET ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...secretHeaders(secrets, 0)];
      const answer = await send(adminUrl, `${lines.join('\r\n')}\r\n\r\n`, captures);
      captures.add(`admin ${path}`, answer);
    }
  }
}

/** A configuration with a secret in every wrong place, then the right one again. */
async function reload({ configured, secrets, captures }: Scene, sluice: SluiceProcess): Promise<void> {
  const broken = brokenYaml(secrets);
  captures.add(GIVEN, broken);
  await writeFile(configured.file, broken);
  sluice.signal('SIGHUP');
  await sluice.logged(({ msg }) => msg === 'reload failed; the running configuration stays');
  await writeFile(configured.file, configured.yaml);
  sluice.signal('SIGHUP');
  await sluice.logged(({ msg }) => msg === 'configuration reloaded');
}

/** `sluice check` of the right configuration and of the broken one. */
async function check(scene: Scene): Promise<void> {
  const { file } = scene.configured;
  assert.equal((await scene.start([], ['check', '--config', file]).exited).code, 0);
  await writeFile(file, brokenYaml(scene.secrets));
  assert.equal((await scene.start([], ['check', '--config', file]).exited).code, 2);
  await writeFile(file, scene.configured.yaml);
}

/** Some exchanges, then the end of the process, which leaves a diagnostic report. */
async function crash(scene: Scene, options: readonly string[]): Promise<void> {
  const sluice = scene.start(options);
  const { url } = await sluice.ready;
  await exchange(scene, url, CRASHING_FROM, CRASHING_FROM + kinds.length);
  const exit = await sluice.kill('SIGWINCH');
  assert.ok(exit.code !== 0, `it has ended with ${JSON.stringify(exit)}`);
  assert.match(sluice.stderr, /Node\.js report completed/);
}

/** Node says on stderr that it has written one. */
async function reported(sluice: SluiceProcess): Promise<void> {
  const deadline = AbortSignal.timeout(10_000);
  while (!sluice.stderr.includes('Node.js report completed')) {
    deadline.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
