/** Plays many exchanges at once, judges each, and tells those that broke a law with their script. */
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Proxy as Sluice } from '../support/start-proxy.ts';
import { AcceptGate } from './accept-gate.ts';
import { playClient } from './client.ts';
import { type Board, type Exchange, newExchange } from './exchange.ts';
import { makeScript } from './generate.ts';
import type { LagWatch } from './lag.ts';
import { atRest, judge, restMs } from './oracle.ts';
import { Report } from './report.ts';

/** How to play. */
export interface RunOptions {
  readonly seed: string;
  /** How many exchanges at a time. */
  readonly lanes: number;
}

/** See the module. */
export class Run {
  readonly report = new Report();
  readonly violations: string[] = [];
  readonly #options: RunOptions;
  readonly #board: Board;
  readonly #proxy: Sluice;
  readonly #addresses: readonly AddressInfo[];
  readonly #lag: LagWatch;
  readonly #gate: AcceptGate;

  constructor(options: RunOptions, board: Board, proxy: Sluice, lag: LagWatch) {
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
    `  replay   SLUICE_CHAOS_SEED=${seed} SLUICE_CHAOS_ONLY=${script.index} npm test -- test/chaos`,
  ].join('\n');
}
