/**
 * How long production's start takes: from the spawn of Node with the bundle until `/readyz` is 200, with `proxy.yaml` as
 * shipped, beside the floor, which is Node with nothing to do.
 *
 *     node --import tsx test/bench/time-to-ready.ts [--runs 15] [--no-cache]
 *
 * It builds the bundle and warms it up as the Dockerfile does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from '../support/free-port.ts';
import { buildBundle, type ProductionBundle, warmUp } from '../support/production-bundle.ts';
import { launchRedis, stopRedis } from '../support/redis-process.ts';
import { sluiceCommand } from './contenders/sluice.ts';
import { cpuNs } from './process-tree.ts';

/** Options of {@link timeToReady}. */
export interface StartOptions {
  /** Starts of each variant; 15 by default. */
  readonly runs?: number;
  /** False: without the code cache. */
  readonly cache?: boolean;
}

/** The starts of one variant, in milliseconds. */
export interface Starts {
  readonly name: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** The median of the CPU time of all threads, where it was measured (else NaN): a busy machine changes it less. */
  readonly cpuMs: number;
}

interface Start {
  readonly wall: number;
  readonly cpu: number;
}

/** Measures every variant, in turns, so that whatever else the machine does is shared. */
export async function timeToReady({ runs = 15, cache = true }: StartOptions = {}): Promise<Starts[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-start-'));
  const redisPort = await freePort();
  const redis = await launchRedis(folder, redisPort);
  try {
    const { main, config, admin } = await prepared(folder, cache);
    // Nobody listens at port 9: the exporter is loaded and made, and that is all that a start does with it.
    const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
    const shared = { REDIS_URL: `redis://127.0.0.1:${redisPort}` };
    const start = (env: object) => () => startOnce([main, '--config', config], { SLUICE_ADMIN: admin, ...env });
    const variants = [
      { name: 'node -e 0', once: nothing, starts: [] as Start[] },
      { name: 'tracing off, Redis off', once: start({}), starts: [] as Start[] },
      { name: 'tracing on', once: start(traced), starts: [] as Start[] },
      { name: 'tracing on, Redis', once: start({ ...traced, ...shared }), starts: [] as Start[] },
    ];
    for (let i = 0; i < runs; i++) for (const variant of variants) variant.starts.push(await variant.once());
    return variants.map(({ name, starts }) => summarised(name, starts));
  } finally {
    await stopRedis(redis);
    await rm(folder, { recursive: true, force: true });
  }
}

async function prepared(folder: string, cache: boolean): Promise<ProductionBundle> {
  const bundle = await buildBundle(folder);
  if (cache) await warmUp(bundle);
  return bundle;
}

/** From the spawn to the exit of a Node that runs nothing. */
async function nothing(): Promise<Start> {
  const began = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { env: {} });
  await once(child, 'exit');
  return { wall: performance.now() - began, cpu: Number.NaN };
}

async function startOnce(args: readonly string[], env: { readonly SLUICE_ADMIN: string }): Promise<Start> {
  const port = Number(env.SLUICE_ADMIN.split(':')[1]);
  const began = performance.now();
  const [node = '', ...flags] = sluiceCommand().slice(0, -1);
  const child = spawn(node, [...flags, ...args], {
    // As in a container: nothing of the shell's own, and a log that is not a file.
    env: { NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  try {
    while (!(await isReady(port))) {
      if (child.exitCode !== null || performance.now() - began > 20_000)
        throw new Error(`it does not start: ${output}`);
      await wait(1);
    }
    return { wall: performance.now() - began, cpu: cpuNs(child.pid ?? 0) / 1e6 };
  } finally {
    await ended(child);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Asks once, over a connection of its own; refused means no. */
function isReady(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    });
    socket.once('data', (bytes) => {
      done(bytes.toString('latin1').startsWith('HTTP/1.1 200 '));
      socket.destroy();
    });
    socket.on('error', () => undefined).on('close', () => done(false));
  });
}

function summarised(name: string, starts: readonly Start[]): Starts {
  const wall = starts.map((start) => start.wall).sort((a, b) => a - b);
  const cpu = starts.map((start) => start.cpu).sort((a, b) => a - b);
  const middle = Math.floor(starts.length / 2);
  const of = (list: readonly number[], i: number) => list.at(i) ?? Number.NaN;
  return { name, medianMs: of(wall, middle), minMs: of(wall, 0), maxMs: of(wall, -1), cpuMs: of(cpu, middle) };
}

/** The numbers as lines of text. */
export function describeStarts(starts: readonly Starts[]): string {
  const lines = starts.map(({ name, medianMs, minMs, maxMs, cpuMs }) => {
    const [median, min, max, cpu] = [medianMs, minMs, maxMs, cpuMs].map((ms) =>
      (Number.isNaN(ms) ? '–' : ms.toFixed(0)).padStart(5),
    );
    return `${name.padEnd(24)}${median} ms ${min} …${max} ms ${cpu} ms`;
  });
  return `${'time to ready'.padEnd(24)}  median    min … max       CPU\n${lines.join('\n')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '15' },
      'no-cache': { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  if (!(runs >= 1)) throw new Error('--runs takes a number from 1 on');
  console.log(describeStarts(await timeToReady({ runs, cache: !values['no-cache'] })));
}
