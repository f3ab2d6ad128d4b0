/**
 * The state that every exchange has, HTTP or WebSocket: what policies see (RequestContext), the hooks they left, and an
 * end that happens exactly once.
 */
import type { IncomingMessage } from 'node:http';
import { type Problem, type ProblemCode, problem } from '../errors.ts';
import type { Pipeline } from '../pipeline/build.ts';
import type { LivePipeline } from '../pipeline/live.ts';
import { readModel } from '../pipeline/model.ts';
import type { Route } from '../pipeline/routes.ts';
import type { Decision, Subject } from '../pipeline/run.ts';
import type {
  Dialect,
  ExchangeHooks,
  InboundRequest,
  MaybePromise,
  OutboundRequest,
  Outcome,
  OutcomeKind,
  PolicyLogger,
  UpstreamInfo,
} from '../policy.ts';
import type { Indexed, IndexedList } from '../resources/indexed-list.ts';
import type { CommandOwner } from '../resources/redis-commands.ts';
import { rememberSecret } from '../telemetry/known-secrets.ts';
import { Body } from './body.ts';
import type { HeaderLines, HeaderList } from './headers.ts';
import type { HeldBytes } from './held-bytes.ts';
import { HookList } from './hook-list.ts';
import type { ExchangeObserver, Observer, Phase, Truncation } from './observer.ts';
import { Reading } from './reading.ts';
import { withoutHolding } from './target.ts';

/** What exchanges share; one per app. */
export interface Core {
  readonly live: LivePipeline;
  readonly observer: Observer;
  readonly log: PolicyLogger;
  /** Our name in Via, unique per process, so that loops are seen. */
  readonly via: string;
  /** Exchanges that run now. */
  readonly active: IndexedList<Context>;
  readonly held: HeldBytes;
  /** Whether memory is scarce. */
  readonly pressure: { readonly high: boolean };
}

/** What is known of a request once its route has been found. */
export interface Arrival {
  readonly req: IncomingMessage;
  readonly pipeline: Pipeline;
  readonly route: Route;
  readonly id: string;
  readonly startedAt: number;
  readonly clientIp: string;
  /** The socket's other end. */
  readonly peerIp: string;
  /** Whether the client's trace is continued. */
  readonly trustsTrace: boolean;
  readonly inbound: InboundRequest & { readonly headers: HeaderLines };
  readonly out: { -readonly [Part in keyof OutboundRequest]: OutboundRequest[Part] } & { readonly headers: HeaderList };
}

const noTags: ReadonlySet<string> = new Set();

/** See the module. */
export abstract class Context implements Subject, Indexed {
  listIndex = -1;
  readonly id: string;
  readonly in: Arrival['inbound'];
  readonly out: Arrival['out'];
  readonly body: Body;
  readonly client: { readonly ip: string };
  readonly peer: { readonly ip: string };
  readonly startedAt: number;
  readonly trustsTrace: boolean;
  readonly observer: ExchangeObserver;
  identity: string | undefined = undefined;
  identityInLogs: string | undefined = undefined;
  tags: ReadonlySet<string> = noTags;
  told: Subject['told'] = undefined;
  judgedAt = 0;
  phase: Phase = 'policy';

  protected readonly core: Core;
  protected readonly pipeline: Pipeline;
  protected readonly routed: Route;
  protected readonly req: IncomingMessage;
  /** Set once there was a decision or a failure that Sluice answered or cut with. */
  protected code: ProblemCode | undefined;
  protected decidedBy: string | undefined;
  protected status = 0;
  protected bytesOut = 0;
  protected ttfbMs: number | undefined;
  protected attempts = 0;
  /** Bytes that an upstream sent and that the client never got. */
  protected undelivered = 0;
  /** Milliseconds that policies made it wait in queues. */
  protected queuedMs = 0;
  protected overheadMs: number | undefined;
  /** Undefined where usage is not read. */
  protected readonly reading: Reading | undefined;
  protected truncated: Truncation | undefined;
  /** Set when Sluice has answered or cut the exchange itself. */
  protected stopped = false;
  protected readonly hooks: HookList;
  #ended: OutcomeKind | undefined;
  #gone: AbortController | undefined;

  constructor(core: Core, arrival: Arrival) {
    this.core = core;
    this.pipeline = arrival.pipeline;
    this.routed = arrival.route;
    this.req = arrival.req;
    this.id = arrival.id;
    this.startedAt = arrival.startedAt;
    this.trustsTrace = arrival.trustsTrace;
    this.in = arrival.inbound;
    this.out = arrival.out;
    this.client = { ip: arrival.clientIp };
    this.peer = { ip: arrival.peerIp };
    const { replay_bytes: replay, max_peek_bytes: ahead } = arrival.pipeline.config.server;
    this.hooks = new HookList(core.log, arrival.id);
    this.body = new Body(arrival.req, this, { replay, ahead, held: core.held });
    const { telemetry } = arrival.pipeline.config;
    if (telemetry.usage === 'auto' && this.dialect !== 'none' && this.in.method === 'POST')
      this.reading = new Reading(this.dialect, this.out.path);
    core.active.add(this);
    this.observer = core.observer.begin(this, arrival.route);
  }

  get route(): { readonly path: string } {
    return this.routed;
  }

  get upstream(): UpstreamInfo {
    return this.routed.upstream.info;
  }

  get dialect(): Dialect {
    return this.routed.upstream.info.dialect;
  }

  get log(): PolicyLogger {
    return this.core.log;
  }

  get commands(): CommandOwner | undefined {
    return this.observer.commands;
  }

  /** True as soon as the exchange is answered by Sluice, cut, or ended: no policy runs any more. */
  get over(): boolean {
    return this.stopped || this.#ended !== undefined;
  }

  get signal(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#ended !== undefined) this.#gone.abort();
    return this.#gone.signal;
  }

  setIdentity(identity: string, inLogs = identity): void {
    this.identity = identity;
    this.identityInLogs = inLogs;
  }

  addTag(tag: string): void {
    this.tags = new Set(this.tags).add(tag);
  }

  waited(milliseconds: number): void {
    this.queuedMs += milliseconds;
  }

  consumeCredential(credential: string): void {
    this.out.headers.deleteHolding(credential);
    this.out.query = withoutHolding(this.out.query, credential);
    // An address is written down, and nobody else knows this credential for one.
    if (this.in.path.includes(credential) || this.in.query.includes(credential)) rememberSecret(credential);
  }

  get maxPeekBytes(): number {
    return this.pipeline.config.server.max_peek_bytes;
  }

  model(): MaybePromise<string | undefined> {
    const found = readModel(this, this.maxPeekBytes);
    return found instanceof Promise ? found.then((model) => this.#modelOf(model)) : this.#modelOf(found);
  }

  addHooks(hooks: ExchangeHooks): void {
    if (this.#ended !== undefined) {
      // The policy took its time and the exchange has ended: what it acquired is given back at once.
      this.hooks.endOne(hooks, this.#outcome(this.#ended));
    } else this.hooks.add(hooks);
  }

  judged(policy: string, decision: string, milliseconds: number, enforced: boolean, at: number): void {
    this.judgedAt = at;
    this.observer.judged(policy, decision, milliseconds, enforced, at);
  }

  bodyTooLarge(max: number): void {
    this.abort(problem('body_too_large', { detail: `The request body is larger than the ${max} bytes allowed.` }));
  }

  bodyCannotBeHeld(): void {
    this.abort(problem('overloaded', { detail: 'No memory is left to hold the request body.', retryAfterMs: 1000 }));
  }

  /** Ends what is left at the end of a drain, as law 2 says. */
  shutDown(): void {
    this.abort(problem('shutting_down', { detail: 'This Sluice is shutting down; try again.', retryAfterMs: 1000 }));
  }

  /** Refuses new work under memory pressure, before old work suffers; true when it did. */
  protected shed(): boolean {
    if (!this.core.pressure.high) return false;
    this.abort(problem('overloaded', { detail: 'Memory is scarce; try again.', retryAfterMs: 1000 }));
    return true;
  }

  abstract bodyWanted(): void;
  abstract abort(reason: Problem): void;

  /** Its answer will not be whole, or will not come at all: then the request has not been looked at yet. */
  protected endReading(): void {
    if (this.reading?.facts === undefined) this.reading?.request(this.in.headers, this.body.whole);
    this.reading?.end(false);
  }

  /** Remembers why Sluice answers or cuts. */
  protected blame({ reply, policy }: Decision): void {
    this.decidedBy = policy;
    if (reply.kind === 'problem') this.code = reply.code;
  }

  /** Ends the exchange: hooks in reverse, records, lease. Only the first call counts. */
  protected finish(kind: OutcomeKind): void {
    if (this.#ended !== undefined) return;
    this.#ended = kind;
    this.core.active.delete(this);
    // Without an answer nobody has looked at what was asked.
    if (this.attempts > 0 && this.reading?.facts === undefined) this.reading?.request(this.in.headers, this.body.whole);
    this.body.discard();
    this.#gone?.abort();
    const outcome = this.#outcome(kind);
    this.hooks.end(outcome);
    this.observer.ended({
      kind,
      status: this.status,
      code: this.code,
      policy: this.decidedBy,
      phase: this.phase,
      bytesIn: this.body.received,
      bytesOut: this.bytesOut,
      ttfbMs: this.ttfbMs,
      durationMs: outcome.durationMs,
      attempts: this.attempts,
      truncated: this.truncated,
      undelivered: this.undelivered,
      overheadMs: this.overheadMs,
      queuedMs: this.queuedMs,
      usage: this.reading?.usage,
      facts: this.reading?.facts,
    });
    this.core.live.release(this.pipeline);
  }

  #outcome(kind: OutcomeKind): Outcome {
    const durationMs = performance.now() - this.startedAt;
    return { kind, status: this.status, code: this.code, bytes: this.bytesOut, durationMs };
  }

  /** A body that cannot be looked into must not slip past a policy that asks for its model. */
  #modelOf(model: string | Problem | undefined): string | undefined {
    if (typeof model !== 'object') return model;
    this.abort(model);
    return undefined;
  }
}
