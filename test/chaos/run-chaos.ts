/** Runs many exchanges at once against one Sluice, judges each, and looks for what is left behind. */
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../support/close-after.ts';
import { readMetrics } from '../support/prometheus-text.ts';
import type { Proxy as Sluice } from '../support/start-proxy.ts';
import { AcceptGate } from './accept-gate.ts';
import { playClient } from './client.ts';
import { Board, type Exchange, newExchange } from './exchange.ts';
import { makeScript } from './generate.ts';
import { LagWatch } from './lag.ts';
import { heapAfterGc, moreThan, type Open, openResources } from './leaks.ts';
import { atRest, judge, restMs } from './oracle.ts';
import { Probes } from './probes.ts';
import { Report } from './report.ts';
import { startSluice } from './start-sluice.ts';
import { startChaosUpstream } from './upstream.ts';

/** What to run. */
export interface ChaosOptions {
  readonly t: Scope;
  readonly seed: string;
  readonly exchanges: number;
  /** How many at a time. */
  readonly lanes: number;
  /** Plays this one alone. */
  readonly only?: number | undefined;
}

/** What came of it. */
export interface ChaosResult {
  readonly report: Report;
  /** One line or more for each violation, the script and how to replay it with it. */
  readonly violations: readonly string[];
}

/** See the module. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const atStart = openResources();
  const board = new Board();
  const onWarning = (warning: Error) => board.complain(undefined, `a warning of Node: ${warning.message}`);
  process.on('warning', onWarning);
  const probes = new Probes(board);
  const [openai, anthropic, none, hangup, sleepy] = await Promise.all([
    startChaosUpstream(board),
    startChaosUpstream(board),
    startChaosUpstream(board),
    startChaosUpstream(board, { hangUp: true }),
    startChaosUpstream(board, { acceptDelayMs: 60 }),
  ]);
  const talking = [openai, anthropic, none, sleepy];
  const urls = {
    openai: openai.url,
    anthropic: anthropic.url,
    none: none.url,
    drained: none.url,
    hangup: hangup.url,
    sleepy: sleepy.url,
  };
  // Nothing listens on the port of tcpmux.
  const proxy = await startSluice({ ...urls, refused: 'http://127.0.0.1:1' }, probes, options.t);
  const lag = new LagWatch();
  const run = new Run(options, board, proxy, lag);

  const warmUp = Math.ceil(options.exchanges / 10);
  await run.play(0, options.only === undefined ? warmUp : 0);
  const idleHeap = await heapAfterGc();
  const idle = openResources();
  await run.play(options.only ?? warmUp, options.only === undefined ? options.exchanges : options.only + 1);

  const leaks = new Leaks(board);
  await leaks.none('exchanges or connections', async () => inUse(await proxy.metrics()));
  leaks.check(probes.ended, 'exchanges in the metrics', countOf(await proxy.metrics()));
  await leaks.none('requests in pools', () => [...probes.pools].reduce((sum, pool) => sum + pool.inFlight, 0));
  await proxy.app.reload();
  await leaks.none('pipelines not closed', () => probes.setUp - probes.closed - 3);
  for (const upstream of talking) upstream.endIdle();
  await leaks.none('upstream connections', () => talking.reduce((sum, { open }) => sum + open, 0));
  board.violations.push(...talking.flatMap((upstream) => upstream.whatIsOpen()));
  const heap = (await heapAfterGc()) - idleHeap;
  if (heap > 24 * 2 ** 20) board.complain(undefined, `the heap has grown by ${(heap / 2 ** 20).toFixed(1)} MB`);
  await leaks.noMore('while idle', idle);

  run.close();
  await proxy.close();
  leaks.check(probes.closed, 'policy instances closed', probes.setUp);
  await Promise.all([...talking, hangup].map((upstream) => upstream.close()));
  lag.stop();
  await leaks.noMore('after the end', atStart);
  process.off('warning', onWarning);
  for (const line of proxy.logs.filter(unexpected)) board.complain(undefined, `logged: ${JSON.stringify(line)}`);
  console.log(`worst timer lag ${lag.worst.toFixed(0)} ms, heap ${(heap / 2 ** 20).toFixed(1)} MB above idle`);
  return { report: run.report, violations: [...run.violations, ...board.violations] };
}

/** Plays exchanges and judges them. */
class Run {
  readonly report = new Report();
  readonly violations: string[] = [];
  readonly #options: ChaosOptions;
  readonly #board: Board;
  readonly #proxy: Sluice;
  readonly #addresses: readonly AddressInfo[];
  readonly #lag: LagWatch;
  readonly #gate: AcceptGate;

  constructor(options: ChaosOptions, board: Board, proxy: Sluice, lag: LagWatch) {
    this.#options = options;
    this.#board = board;
    this.#proxy = proxy;
    this.#addresses = proxy.app.proxyAddresses;
    this.#lag = lag;
    this.#gate = new AcceptGate(this.#addresses.map(({ port }) => port));
  }

  /** Plays the exchanges with these indexes; resolves when all have been judged. */
  async play(from: number, to: number): Promise<void> {
    let next = from;
    const judged: Promise<void>[] = [];
    const lane = async () => {
      let idle: Socket | undefined;
      while (next < to) {
        const index = next++;
        // Reloads swap the pipeline under running exchanges.
        if (index % 500 === 250) void this.#proxy.app.reload();
        const script = makeScript(this.#options.seed, index);
        const reused = script.client.reuse && idle !== undefined && !idle.destroyed ? idle : undefined;
        if (reused === undefined) {
          idle?.destroy();
          await this.#gate.pass();
        }
        const exchange = newExchange(script);
        this.#board.exchanges.set(index, exchange);
        idle = await playClient(exchange, this.#addresses[index % this.#addresses.length] as AddressInfo, reused);
        judged.push(this.#judge(exchange));
      }
      idle?.destroy();
    };
    await Promise.all(Array.from({ length: Math.min(this.#options.lanes, to - from) }, lane));
    await Promise.all(judged);
  }

  /** Call it at the end. */
  close(): void {
    this.#gate.close();
  }

  async #judge(exchange: Exchange): Promise<void> {
    const { index } = exchange.script;
    const deadline = exchange.client.endedAt + restMs(exchange);
    while (!atRest(exchange) && performance.now() < deadline + this.#lag.between(exchange.client.endedAt, deadline)) {
      await sleep(20);
    }
    const outcome = judge(exchange, this.#lag);
    // A little later, so that a second end is seen, and what a client that has left still had under way.
    await sleep(outcome === 'left' || exchange.attemptsTold > exchange.attempts.length ? 3000 : 100);
    this.#board.exchanges.delete(index);
    this.report.add(exchange.script, outcome, exchange.violations.length);
    if (exchange.violations.length > 0) this.violations.push(describe(exchange, outcome, this.#options.seed));
  }
}

function describe({ script, client, attempts, policies, violations }: Exchange, outcome: string, seed: string): string {
  const seen = attempts.map(({ wire, head, ...rest }) => ({
    ...rest,
    wireBytes: wire?.bytes.length,
    headEnd: wire?.headEnd,
    head: head.startLine,
  }));
  return [
    `exchange ${script.index} (${outcome}):`,
    ...violations.map((one) => `  - ${one}`),
    `  script   ${JSON.stringify(script)}`,
    `  client   ${JSON.stringify({ ...client, extra: client.extra.toString('latin1', 0, 300) })}`,
    `  upstream ${JSON.stringify(seen)}`,
    `  policies ${JSON.stringify([...policies])}`,
    `  replay   SLUICE_CHAOS_SEED=${seed} SLUICE_CHAOS_ONLY=${script.index}`,
  ].join('\n');
}

class Leaks {
  readonly #board: Board;
  constructor(board: Board) {
    this.#board = board;
  }

  /** Waits until there are none. */
  async none(what: string, count: () => number | Promise<number>): Promise<void> {
    const deadline = performance.now() + 5000;
    let left = await count();
    while (left > 0 && performance.now() < deadline) {
      await sleep(20);
      left = await count();
    }
    if (left !== 0) this.#board.complain(undefined, `${left} ${what} left`);
  }

  /** Waits until no more is open than before. */
  async noMore(when: string, before: Open): Promise<void> {
    const deadline = performance.now() + 5000;
    while (moreThan(before, openResources()) !== undefined && performance.now() < deadline) await sleep(20);
    const more = moreThan(before, openResources());
    if (more !== undefined) this.#board.complain(undefined, `left open ${when}: ${more}`);
  }

  check(found: number, what: string, expected: number): void {
    if (found !== expected) this.#board.complain(undefined, `${what}: ${found}, not ${expected}`);
  }
}

function inUse(text: string): number {
  const metrics = readMetrics(text);
  return (metrics.get('sluice_active_requests') ?? 1) + (metrics.get('sluice_connections') ?? 1);
}

function countOf(text: string): number {
  let sum = 0;
  for (const [series, value] of readMetrics(text)) if (series.startsWith('sluice_requests_total')) sum += value;
  return sum;
}

/** The faults that the test's own policy has are logged, and rightly. */
function unexpected(line: Readonly<Record<string, unknown>>): boolean {
  return !JSON.stringify(line).includes('a fault of the test');
}
