/** The test's own policies: they count what Sluice tells them, wait, refuse, fail and cut as the script says. */
import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import {
  definePolicy,
  type ExchangeHooks,
  type MaybePromise,
  type Policy,
  type Reply,
  type RequestContext,
} from '../../src/policy.ts';
import { UpstreamAttempt } from '../../src/upstream/attempt.ts';
import type { ConnectionPool } from '../../src/upstream/pool.ts';
import type { Board, Exchange, PolicyRecord } from './exchange.ts';
import { turnHeader } from './request-head.ts';
import { indexOf } from './script.ts';

/** What the probes have counted over all exchanges. */
export class Probes {
  readonly policies: readonly Policy[];
  /** Instances set up and closed: a pipeline whose lease is never given back is never closed. */
  setUp = 0;
  closed = 0;
  /** Pools seen, to ask them at the end what is still in them. */
  readonly pools = new Set<ConnectionPool>();
  /** Exchanges that the first probe has seen the end of. */
  ended = 0;
  readonly #board: Board;

  constructor(board: Board) {
    this.#board = board;
    this.policies = [this.#policy('chaos-first'), this.#policy('chaos-middle'), this.#policy('chaos-last')];
  }

  #policy(name: string): Policy {
    return definePolicy({
      name,
      summary: 'Counts what it is told.',
      schema: Type.Object({}),
      setup: () => {
        this.setUp++;
        return {
          request: (ctx) => (name === 'chaos-middle' ? this.#act(ctx) : this.#watch(name, ctx)),
          attempt: (ctx, attempt) => {
            if (name !== 'chaos-last') return undefined;
            if (attempt instanceof UpstreamAttempt) this.pools.add(attempt.runtime.pool);
            attempt.headers.set(turnHeader, String(attempt.number));
            return this.#attempt(ctx);
          },
          close: () => {
            this.closed++;
          },
        };
      },
    });
  }

  #exchange(ctx: RequestContext): Exchange | undefined {
    return this.#board.exchanges.get(indexOf(ctx.in.path));
  }

  /** Counts and lets pass. */
  #watch(name: string, ctx: RequestContext): ExchangeHooks | undefined {
    const exchange = this.#exchange(ctx);
    if (exchange === undefined) {
      this.#board.complain(undefined, `a policy saw a request that nobody has sent: ${ctx.in.path}`);
      return undefined;
    }
    const record = exchange.policies.get(name) ?? newRecord();
    exchange.policies.set(name, record);
    record.requests++;
    return {
      responseStart: () => {
        record.responseStarts++;
      },
      chunk: (bytes) => {
        record.chunkBytes += bytes.length;
      },
      end: (outcome) => {
        record.ends.push(outcome.kind);
        record.bytes = outcome.bytes;
        record.endedAt = performance.now();
        if (record.ends.length > 1)
          this.#board.complain(undefined, `a second end for exchange ${exchange.script.index}`);
        if (name === 'chaos-first') this.ended++;
      },
    };
  }

  #act(ctx: RequestContext): MaybePromise<Reply | ExchangeHooks | undefined> {
    const plan = this.#exchange(ctx)?.script.policy;
    switch (plan?.act) {
      case 'reply':
        return { kind: 'response', status: 299, headers: { 'x-chaos-reply': '1' }, body: 'own' };
      case 'refuse':
        return sleep(plan.ms, { kind: 'problem', code: 'header_denied', detail: 'Refused by the test.' });
      case 'throw':
        throw new Error('a fault of the test');
      case 'wait':
        return sleep(plan.ms).then(() => this.#watch('chaos-middle', ctx));
      case 'abort':
        setTimeout(() => ctx.abort({ kind: 'problem', code: 'overloaded', detail: 'Cut by the test.' }), plan.ms);
        break;
      default:
    }
    return this.#watch('chaos-middle', ctx);
  }

  #attempt(ctx: RequestContext) {
    const exchange = this.#exchange(ctx);
    if (exchange === undefined) return undefined;
    exchange.attemptsTold++;
    if (exchange.script.policy.act !== 'retry') return undefined;
    return { end: () => (exchange.attemptsTold === 1 ? ('retry' as const) : undefined) };
  }
}

function newRecord(): PolicyRecord {
  return {
    requests: 0,
    responseStarts: 0,
    ends: [],
    bytes: 0,
    chunkBytes: 0,
    startedAt: performance.now(),
    endedAt: 0,
  };
}
