/** Several Sluices with one `concurrency` in one Redis, before an upstream that counts what runs at once. */
import { once } from 'node:events';
import { createServer, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { leasesKey } from '../../src/limits/redis-slots-script.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { type SluiceProcess, spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

/** An upstream that answers after a while, or holds what comes under /hold until told. */
export interface CountingUpstream {
  readonly url: string;
  readonly running: number;
  /** Most at once, as seen after what had closed by then was noticed. */
  readonly most: number;
  readonly served: number;
  readonly held: ReadonlySet<ServerResponse>;
  /** What it knows of the request with this path, for whoever looks for one that got no answer. */
  fateOf(path: string): 'has not come' | 'runs' | 'has ended';
}

/** Between the end of a request in one process and its news here others may begin: what is more for longer is more. */
const NEWS_MS = 25;

export async function startCountingUpstream(t: TestContext, limit: number): Promise<CountingUpstream> {
  const state = { running: 0, most: 0, served: 0 };
  const held = new Set<ServerResponse>();
  const fates = new Map<string, 'runs' | 'has ended'>();
  const look = () => {
    state.most = Math.max(state.most, state.running);
  };
  const server = createServer((message, response) => {
    state.running++;
    state.served++;
    if (state.running > limit) setTimeout(look, NEWS_MS);
    else look();
    const path = message.url ?? '';
    fates.set(path, 'runs');
    let over = false;
    const end = () => {
      if (over) return;
      over = true;
      state.running--;
      held.delete(response);
      fates.set(path, 'has ended');
    };
    response.on('close', end);
    message.resume();
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('begun\n');
    if (path.startsWith('/hold')) held.add(response);
    else setTimeout(() => response.end('done\n'), 100 + Math.random() * 200);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    held,
    fateOf: (path) => fates.get(path) ?? 'has not come',
    get running() {
      return state.running;
    },
    get most() {
      return state.most;
    },
    get served() {
      return state.served;
    },
  };
}

/** What {@link startFleet} started. */
export interface Fleet {
  readonly processes: readonly SluiceProcess[];
  readonly urls: readonly string[];
  /** Leases in Redis. */
  leases(): Promise<number>;
  /** Slots in use and requests waiting, as a process' metrics say. */
  gauges(index: number): Promise<{ inUse: number; waiting: number }>;
  /** A process' metrics that say where its requests stand. */
  standing(index: number): Promise<readonly string[]>;
}

/** Where requests are: in the queue, on a connection or waiting for one, and whether Redis works. */
const STANDING =
  /^sluice_(?:concurrency_in_use|concurrency_waiting|upstream_connections|active_requests|redis_state)\b/;

/** Starts so many processes; `file` is written by the caller's `settings` of the policy. */
export async function startFleet(
  t: TestContext,
  options: { readonly count: number; readonly upstream: string; readonly redis: string; readonly settings: object },
): Promise<Fleet> {
  const id = `fleet-${process.pid}-${Date.now()}`;
  const policies = [{ policy: 'concurrency', id, with: { key: 'global', ...options.settings } }];
  const extra = { redis: { url: options.redis } };
  const file = await yamlFile(proxyYaml({ upstream: options.upstream, policies, extra }), { t });
  const processes = Array.from({ length: options.count }, () => spawnSluice(['--config', file], {}, { t }));
  const ready = await Promise.all(processes.map((one) => one.ready));
  const client = new Redis(options.redis, { lazyConnect: true, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  t.after(() => client.disconnect());
  const metrics = async (index: number) => {
    const response = await fetch(`${ready[index]?.adminUrl}/metrics`, { signal: AbortSignal.timeout(5000) });
    return response.text();
  };
  return {
    processes,
    urls: ready.map(({ url }) => url),
    leases: () => client.zcard(leasesKey(id, 'global')),
    gauges: async (index) => {
      const text = await metrics(index);
      const value = (name: string) => Number(new RegExp(`^${name}\\{policy="${id}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
      return { inUse: value('sluice_concurrency_in_use'), waiting: value('sluice_concurrency_waiting') };
    },
    standing: async (index) => (await metrics(index)).split('\n').filter((line) => STANDING.test(line)),
  };
}

/** How a request went: its status, or 0 where the connection broke or was broken by us. */
export interface Sent {
  readonly status: Promise<number>;
  /** The first bytes of the answer have come. */
  readonly begun: Promise<boolean>;
  leave(how: 'FIN' | 'RST'): void;
}

/** Sends a request on a connection of its own. */
export function send(url: string): Sent {
  const sent = httpRequest(url, { agent: false });
  const begun = Promise.withResolvers<boolean>();
  const status = new Promise<number>((resolve) => {
    const fail = () => {
      begun.resolve(false);
      resolve(0);
    };
    sent.on('error', fail);
    sent.on('response', (response) => {
      response.once('data', () => begun.resolve(response.statusCode === 200));
      response.on('error', fail);
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('close', fail);
    });
  });
  sent.end();
  return {
    status,
    begun: begun.promise,
    leave: (how) => {
      if (how === 'RST') sent.socket?.resetAndDestroy();
      sent.destroy();
    },
  };
}

/** Waits until it is so, at most so long; rejects then, even while `what` itself is not answered. */
export async function eventually(what: () => Promise<boolean>, mostMs: number): Promise<number> {
  const from = performance.now();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not within ${mostMs} ms: ${what}`)), mostMs);
  try {
    while (!(await Promise.race([what(), late.promise]))) await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    clearTimeout(timer);
  }
  return performance.now() - from;
}
