/** One Sluice with its upstream, sent one case after another. Several lanes run side by side, each blames its own case. */
import Type from 'typebox';
import { definePolicy } from '../../src/policy.ts';
import { type Proxy as Sluice, startProxy } from '../support/start-proxy.ts';
import type { Case } from './cases.ts';
import { Expectation } from './expectation.ts';
import { NodeReader } from './node-reader.ts';
import { type RecordingUpstream, startRecordingUpstream } from './recording-upstream.ts';
import { sendCase } from './send-case.ts';

/** Something that must not be. */
export interface Violation {
  /** The case that shows it; undefined when it cannot be told. */
  readonly index: number | undefined;
  readonly what: string;
}

/** What a lane has counted. */
export interface LaneCounts {
  /** Whole requests that Node's parser read from the cases. */
  requests: number;
  /** Attempts that Sluice says it sent, and those of them that it says were answered. */
  attempts: number;
  answeredAttempts: number;
  /** Whole requests that the upstream read. */
  arrived: number;
  /** Answers to the clients, by status. */
  readonly statuses: Map<number, number>;
}

/** Cases that are over and may still have bytes on the way to the upstream. */
const remembered = 200;

/** See the module. */
export class Lane {
  readonly counts: LaneCounts = { requests: 0, attempts: 0, answeredAttempts: 0, arrived: 0, statuses: new Map() };
  readonly #report: (violation: Violation) => void;
  readonly #node = new NodeReader();
  readonly #cases = new Map<number, Expectation>();
  #current: Expectation | undefined;
  #judgedLines = 0;
  /** Exchanges that have not ended. */
  readonly #running = new Set<string>();
  #proxy: Sluice | undefined;
  #upstream: RecordingUpstream | undefined;

  private constructor(report: (violation: Violation) => void) {
    this.#report = report;
  }

  /** Starts a Sluice and its upstream. */
  static async start(report: (violation: Violation) => void): Promise<Lane> {
    const lane = new Lane(report);
    lane.#upstream = await startRecordingUpstream(lane.#node, {
      arrived: (id, request) => {
        lane.counts.arrived++;
        const [exchange, expectation] = lane.#find(id);
        lane.#judge(id, expectation === undefined ? `an unknown id ${id}` : expectation.arrived(exchange, request));
      },
      tunnelled: (id, bytes) => lane.#judge(id, lane.#find(id)[1]?.tunnelled(bytes)),
      violated: (id, what) => lane.#judge(id, what),
    });
    lane.#proxy = await startProxy(
      {
        upstream: lane.#upstream.url,
        policies: [{ policy: 'probe' }],
        extra: { telemetry: { logs: { level: 'warn' } } },
      },
      { policies: [lane.#probe()] },
    );
    return lane;
  }

  get proxy(): Sluice {
    if (this.#proxy === undefined) throw new Error('the lane has not started');
    return this.#proxy;
  }

  get upstream(): RecordingUpstream {
    if (this.#upstream === undefined) throw new Error('the lane has not started');
    return this.#upstream;
  }

  /** The case that is being sent. */
  get index(): number | undefined {
    return this.#current?.index;
  }

  /** Sends a case, judges what came of it and returns the statuses of its answers. */
  async run(one: Case): Promise<number[]> {
    const reading = this.#node.read(one.writes);
    const expectation = new Expectation(one.index, reading);
    this.#current = expectation;
    this.#cases.set(one.index, expectation);
    for (const index of this.#cases.keys()) {
      if (this.#cases.size <= remembered) break;
      this.#cases.delete(index);
    }
    const { answers, hung, received } = await sendCase(
      Number(new URL(this.proxy.url).port),
      one,
      reading,
      expectation.answers,
    );
    this.counts.requests += expectation.answers;
    for (const { status } of answers) this.counts.statuses.set(status, (this.counts.statuses.get(status) ?? 0) + 1);
    const ids = answers.map(({ id }) => id);
    this.#judge(expectation.index, expectation.answered(ids));
    const owed = expectation.servesOn && answers.at(-1)?.last !== true;
    const missing = owed && answers.length < expectation.answers;
    const failed = answers.find(({ status }) => status >= 500);
    if (failed !== undefined) this.#judge(expectation.index, `answered ${failed.status}: ${JSON.stringify(received)}`);
    if (hung || missing) {
      const wanted = `${expectation.answers} requests were read by Node's parser`;
      this.#judge(
        expectation.index,
        `${wanted}, ${answers.length} answered${hung ? ', then nothing' : ''}: ${JSON.stringify(received)}`,
      );
    }
    this.#judgeLogs();
    return answers.map(({ status }) => status);
  }

  /** Closes both, then nothing is on its way any more. */
  async close(): Promise<void> {
    this.#judgeLogs();
    for (const id of this.#running) this.#judge(id, 'its exchange has not ended');
    await this.proxy.close();
    await this.upstream.close();
  }

  /** Tags what Sluice sends, so that each request at the upstream leads back to its case. */
  #probe() {
    return definePolicy({
      name: 'probe',
      summary: 'Gives each attempt an id.',
      schema: Type.Object({}, { additionalProperties: false }),
      setup: () => {
        const ids = new WeakMap<object, string>();
        return {
          request: (ctx) => {
            const expectation = this.#current;
            if (expectation === undefined) return undefined;
            const id = expectation.nextId();
            ids.set(ctx, id);
            this.#running.add(id);
            this.#judge(expectation.index, expectation.begun());
            return { end: () => void this.#running.delete(id) };
          },
          attempt: (ctx, attempt) => {
            this.counts.attempts++;
            attempt.headers.set('x-fuzz-id', `${ids.get(ctx) ?? 'none'}-${attempt.number}`);
            return {
              end: ({ kind }) => {
                if (kind === 'response') this.counts.answeredAttempts++;
                return undefined;
              },
            };
          },
        };
      },
    });
  }

  /** Warnings and errors: no client can cause one, and a fault of Sluice says so there. */
  #judgeLogs(): void {
    const { logs } = this.proxy;
    for (; this.#judgedLines < logs.length; this.#judgedLines++) {
      this.#judge(undefined, `Sluice logged ${JSON.stringify(logs[this.#judgedLines])}`);
    }
  }

  /** The exchange's id and its case. */
  #find(id: string): [exchange: string, expectation: Expectation | undefined] {
    return [id.replace(/-\d+$/, ''), this.#cases.get(Number(id.split('-', 1)[0]))];
  }

  #judge(who: string | number | undefined, what: string | undefined): void {
    if (what === undefined) return;
    const index = typeof who === 'string' ? Number(who.split('-', 1)[0]) : (who ?? this.index);
    this.#report({ index, what });
  }
}
