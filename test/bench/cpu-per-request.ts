/** CPU time that Sluice takes for a request, compared between several ways of running it, on 127.0.0.1 only. */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { type SluiceProcess, spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

/** One way of running Sluice. */
export interface Variant {
  readonly name: string;
  /** Further top-level keys of `proxy.yaml`. */
  readonly config?: object;
  readonly env?: Readonly<Record<string, string>>;
}

/** What was measured of a variant. */
export interface Cost {
  readonly name: string;
  readonly microseconds: number;
  /** To the first variant's. */
  readonly ratio: number;
}

/** How much is run. */
export interface Amount {
  readonly rounds: number;
  readonly requests: number;
  readonly concurrency: number;
}

const asked = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'x'.repeat(1400) }] });
const answer = JSON.stringify({
  id: 'chatcmpl-1',
  model: 'gpt-4o',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'y'.repeat(1500) } }],
  usage: { prompt_tokens: 350, completion_tokens: 375, total_tokens: 725 },
});

/** Runs every variant in a process of its own, loaded one after the other, round by round. */
export async function compare(variants: readonly Variant[], amount: Amount): Promise<Cost[]> {
  const { rounds, requests, concurrency } = amount;
  const upstream = createServer((req, res) => {
    req.resume().on('end', () => res.writeHead(200, { 'content-type': 'application/json' }).end(answer));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  const cleanups: (() => unknown)[] = [];
  const scope = { after: (clean: () => unknown) => void cleanups.push(clean) };
  const running: { sluice: SluiceProcess; url: string; costs: number[] }[] = [];
  try {
    for (const { config, env } of variants) {
      const yaml = proxyYaml({ upstream: `http://127.0.0.1:${port}`, ...(config && { extra: config }) });
      const sluice = spawnSluice(['--config', await yamlFile(yaml, { t: scope })], env, { t: scope });
      running.push({ sluice, url: (await sluice.ready).url, costs: [] });
    }
    // Code that is not compiled yet would be charged to whoever comes first.
    for (const { url } of running) await load(url, 2500, concurrency);
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < running.length; i++) {
        const one = running[(i + round) % running.length];
        if (one === undefined) continue;
        const before = cpuOf(one.sluice.pid);
        await load(one.url, requests, concurrency);
        one.costs.push((cpuOf(one.sluice.pid) - before) / requests);
      }
    }
  } finally {
    for (const clean of cleanups.reverse()) await clean();
    upstream.closeAllConnections();
    upstream.close();
  }
  const base = low(running[0]?.costs ?? []);
  return running.map(({ costs }, i) => {
    return { name: variants[i]?.name ?? '', microseconds: low(costs), ratio: low(costs) / base };
  });
}

/** Prints what was measured. */
export function printCosts(costs: readonly Cost[]): void {
  for (const { name, microseconds, ratio } of costs) {
    console.log(`${name.padEnd(48)} ${microseconds.toFixed(0).padStart(5)} µs a request   × ${ratio.toFixed(2)}`);
  }
}

/** Nanoseconds that all threads of a process were on a CPU, as microseconds. */
function cpuOf(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]);
  }
  return nanoseconds / 1000;
}

async function load(url: string, requests: number, concurrency: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  let left = requests;
  const worker = async () => {
    while (left-- > 0) await send(`${url}/openai/v1/chat/completions`, agent);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  agent.destroy();
}

function send(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': asked.length };
    const req = request(url, { method: 'POST', agent, headers }, (res) => {
      if (res.statusCode !== 200) reject(new Error(`status ${res.statusCode}`));
      res.resume().on('end', resolve).on('error', reject);
    });
    req.on('error', reject).end(asked);
  });
}

/** The lower quartile: whatever else the machine does only adds to what a round costs. */
function low(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 4)] ?? Number.NaN;
}
