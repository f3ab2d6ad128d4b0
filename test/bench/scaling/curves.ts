/** The curves of `npm run bench:scaling`: what grows, and what is measured at each of its values. */
import type { Running } from '../contenders/contender.ts';
import { defaultPipeline, type SluiceSetting } from '../contenders/sluice.ts';
import { cpuPerChunk, cpuPerRequest, residentWithStreams, steadyCostPerRequest, warmUp } from '../measures.ts';
import { residentBytes } from '../process-tree.ts';
import { short } from '../report/lines.ts';
import type { Bench } from '../setting.ts';

/** One number that may grow, and its cost. */
export interface Curve {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** A slope is told for so many of x, and what they are called. */
  readonly per: number;
  readonly perName: string;
  readonly values: readonly number[];
  readonly logX: boolean;
  /** How Sluice is set up for a value. Where this is missing, one process serves all values. */
  readonly setting?: (value: number) => SluiceSetting;
  /** For memory: each measurement has a process of its own, which is ended then. */
  readonly fresh?: boolean;
  readonly measure: (bench: Bench, running: Running, value: number) => Promise<number>;
}

const REQUESTS = 4000;
const WARM_UP_MS = 1500;
const perRequest: Curve['measure'] = async ({ processes }, running) => {
  await warmUp(processes, running, WARM_UP_MS);
  return (await steadyCostPerRequest(processes, running, REQUESTS)).micros;
};

const request = (title: string, x: string, per: number, values: readonly number[], setting: Curve['setting']) => {
  const perName = per === 1 ? 'policy' : `${short(per)} ${x}`;
  const logX = (values.at(-1) ?? 0) > 50;
  const all = { title, x, y: 'µs a request', per, perName, values, logX, measure: perRequest };
  return setting === undefined ? all : { ...all, setting };
};

/** The cheap policies of the default pipeline in turns, each with an id of its own. */
function policies(count: number): object[] {
  const [access, rate, , headers] = defaultPipeline('none') as [object, object, object, object];
  const kinds = [access, rate, headers];
  return Array.from({ length: count }, (_, i) => ({ id: `policy-${i}`, ...kinds[i % kinds.length] }));
}

const address = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`;
const cidrs = (count: number) => [...Array.from({ length: count - 1 }, (_, i) => address(i)), '127.0.0.1/32'];

/** A pool of provider keys. */
function keys(count: number): SluiceSetting {
  const all = { header: { name: 'authorization', prefix: 'Bearer ' }, pick: 'round_robin' };
  const list = Array.from({ length: count }, (_, i) => ({ env: `BENCH_KEY_${i}`, name: `key-${i}` }));
  return {
    policies: [{ policy: 'key-injection', with: { ...all, keys: list } }],
    env: Object.fromEntries(list.map(({ env }, i) => [env, `sk-bench-key-${i}-1234`])),
  };
}

/** At 1,000 events a second in all. */
const streamCounts = [1, 10, 100, 1000, 2500, 5000];

export const curves: readonly Curve[] = [
  request('Policies', 'policies', 1, [0, 1, 2, 5, 10, 15, 20], (count) => ({ policies: policies(count) })),
  request('Routes', 'routes', 100, [1, 10, 100, 300, 1000], (count) => ({
    routes: Array.from({ length: count - 1 }, (_, i) => `/route-${i}`),
  })),
  request('Addresses allowed', 'CIDRs', 1000, [1, 10, 100, 1000, 3000, 10_000], (count) => ({
    policies: [{ policy: 'ip-access', with: { allow: cidrs(count) } }],
  })),
  request('Keys of the provider', 'keys', 10, [1, 2, 4, 8, 16, 32, 64], keys),
  {
    ...request('Players of a limit', 'players', 10_000, [1, 100, 1000, 10_000, 50_000, 100_000], () => ({
      policies: defaultPipeline('none'),
    })),
    async measure({ processes }, running, players) {
      // Each player is known before the measurement begins, which goes on with those that come first.
      await warmUp(processes, running, WARM_UP_MS);
      await cpuPerRequest(processes, running, players, { players });
      return (await steadyCostPerRequest(processes, running, REQUESTS, { players })).micros;
    },
  },
  {
    title: 'Streams, 1,000 events a second in all',
    x: 'streams',
    y: 'µs an event',
    per: 1000,
    perName: '1000 streams',
    values: streamCounts,
    logX: true,
    async measure({ processes }, running, streams) {
      const load = { streams, intervalMs: streams, windowMs: Math.max(2000, streams / 2) };
      return (await cpuPerChunk(processes, running, load)).micros;
    },
  },
  {
    title: 'Memory of streams',
    x: 'streams',
    y: 'MB',
    per: 1000,
    perName: '1000 streams',
    values: [1, 100, 500, 1000, 2500, 5000],
    logX: false,
    fresh: true,
    async measure({ processes }, running, streams) {
      const idle = residentBytes(running.pid);
      const [open = idle] = await residentWithStreams(processes, running, [streams]);
      return (open - idle) / 1e6;
    },
  },
  {
    title: 'Size of events, 1,000 a second',
    x: 'bytes',
    y: 'µs an event',
    per: 1024,
    perName: 'KiB',
    values: [64, 256, 1024, 4096, 16_384, 32_768, 65_536],
    logX: true,
    async measure({ processes }, running, eventBytes) {
      return (await cpuPerChunk(processes, running, { streams: 20, intervalMs: 20, eventBytes })).micros;
    },
  },
  body('Size of requests', (bytes) => ({ bodyBytes: bytes })),
  body('Size of answers', (bytes) => ({ model: `json-${bytes}` })),
];

function body(title: string, of: (bytes: number) => { model?: string; bodyBytes?: number }): Curve {
  return {
    title,
    x: 'bytes',
    y: 'µs a request',
    per: 1024,
    perName: 'KiB',
    values: [1024, 16_384, 131_072, 1_048_576, 4_194_304, 8_388_608],
    logX: true,
    async measure({ processes }, running, bytes) {
      const requests = Math.max(20, Math.min(2000, Math.ceil(64_000_000 / bytes)));
      return (await steadyCostPerRequest(processes, running, requests, { ...of(bytes), concurrency: 4 })).micros;
    },
  };
}
