/** What an exchange tells to metrics, traces and logs. The telemetry behind it is chosen when the app is made. */
import type { ProblemCode } from '../errors.ts';
import type { RequestFacts } from '../llm/request-facts.ts';
import type { UsageReport } from '../llm/usage.ts';
import type { Route } from '../pipeline/routes.ts';
import type { MaybePromise, OutcomeKind } from '../policy.ts';
import type { CommandOwner } from '../resources/redis-commands.ts';
import type { ConnectTimings } from '../upstream/connector.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Context } from './context.ts';
import type { HeaderList } from './headers.ts';

/** Where an exchange stood: judged by policies, waiting for a connection, for the first byte, or streaming. */
export type Phase = 'policy' | 'connect' | 'first_byte' | 'stream';

/**
 * Where a response was cut: after its head, within its body, between two events (with an error event in its place), or by
 * a clean end before its dialect's terminator.
 */
export type Truncation = 'head' | 'body' | 'event_boundary' | 'terminator';

/** An attempt under observation. */
export interface ObservedAttempt {
  readonly number: number;
  readonly runtime: Upstream;
  readonly headers: HeaderList;
  /** Short id of the provider key that it carries. */
  readonly keyId: string | undefined;
  /**
   * When it was handed to the pool, when its head was written (until then it waited for a connection), and when the
   * response's head came, in milliseconds of `performance.now()`.
   */
  readonly dispatchedAt: number | undefined;
  readonly sentAt: number | undefined;
  readonly answeredAt: number | undefined;
  /** How long the connection that was opened for it took; undefined when there was one. */
  readonly timings: ConnectTimings | undefined;
}

/** A request that was refused before it became an exchange. */
export interface RefusedRecord {
  readonly id: string;
  readonly clientIp: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly durationMs: number;
  /** The client's trace context, as it came, and whether its listener believes it. */
  readonly trace: {
    readonly traceparent: string | undefined;
    readonly tracestate: string | undefined;
    readonly trusted: boolean;
  };
}

/** The end of an exchange, as it is recorded. */
export interface ExchangeRecord {
  readonly kind: OutcomeKind;
  readonly status: number;
  readonly code: ProblemCode | undefined;
  /** The policy that decided, where one did. */
  readonly policy: string | undefined;
  readonly phase: Phase;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Milliseconds from the request's headers to the response's head; undefined when there was none. */
  readonly ttfbMs: number | undefined;
  readonly durationMs: number;
  readonly attempts: number;
  /** Where the upstream left its response unfinished; undefined when it did not. */
  readonly truncated: Truncation | undefined;
  /** Response bytes that the upstream sent and the client, having left, did not get. */
  readonly undelivered: number;
  /**
   * What Sluice itself took of the time to the first byte, in milliseconds: from the request's headers to the attempt's
   * hand-over to the pool, less what it waited in queues, and from the upstream's head to the client's. Undefined when nothing came back.
   */
  readonly overheadMs: number | undefined;
  /** Milliseconds that policies made it wait in queues. */
  readonly queuedMs: number;
  /** What the answer used, where it was read; a promise while its last bytes are being decoded. */
  readonly usage: MaybePromise<UsageReport> | undefined;
  readonly facts: RequestFacts | undefined;
}

/** One exchange under observation. */
export interface ExchangeObserver {
  /** Who is told of the Redis commands that the exchange issues; undefined where nobody wants to know. */
  readonly commands: CommandOwner | undefined;
  /** Adds what goes upstream with this attempt, e.g. `traceparent`. */
  attemptStarted(attempt: ObservedAttempt): void;
  /** The head of its response has come. */
  attemptAnswered(attempt: ObservedAttempt, status: number): void;
  /** It has ended: with a status, or with a failure's code, or aborted by us. */
  attemptEnded(attempt: ObservedAttempt, status: number, error: ProblemCode | 'aborted' | undefined): void;
  /** The client has been sent the head of a response that streams; it ends with the exchange. */
  streaming(): void;
  /** A sampled chunk took so long from the upstream's socket to the client's, in milliseconds. */
  chunkDelay(milliseconds: number): void;
  /** A policy has judged, `at` by `performance.now()`. */
  judged(policy: string, decision: string, milliseconds: number, enforced: boolean, at: number): void;
  ended(record: ExchangeRecord): void;
}

/** Observes exchanges. */
export interface Observer {
  /** Called once the route is known. */
  begin(ctx: Context, route: Route): ExchangeObserver;
  refused(record: RefusedRecord): void;
  /** A client's connection was opened or closed. */
  connection(change: 1 | -1): void;
  /** Resolves when everything that has ended is recorded too. */
  settled(): Promise<void>;
}
