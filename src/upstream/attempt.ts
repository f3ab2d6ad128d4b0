/**
 * One try of an exchange at one upstream: its request, its timers, and the end of it told to its owner exactly once.
 * Nothing here knows about policies or the client.
 */
import type { Readable } from 'node:stream';
import type { Failure } from '../errors.ts';
import { BodyStream } from '../http/body-stream.ts';
import { HeaderLines, type HeaderList } from '../http/headers.ts';
import { endToEnd } from '../http/hygiene.ts';
import type { AttemptHooks, UpstreamInfo } from '../policy.ts';
import type { ConnectTimings } from './connector.ts';
import { AttemptError, failureOf } from './failures.ts';
import type { Http1Connection } from './http1/connection.ts';
import type { RequestMessage } from './http1/request-head.ts';
import type { ResponseHead } from './http1/response-head.ts';
import type { PooledRequest } from './pool.ts';
import type { Upstream } from './upstream.ts';

/** Who an attempt reports to. */
export interface AttemptOwner {
  /** An informational response (1xx) other than 101. */
  attemptInformed(status: number, headers: HeaderList): void;
  attemptHead(attempt: UpstreamAttempt, status: number, statusText: string, headers: HeaderList): void;
  /** Returns false to hold the upstream back until {@link UpstreamAttempt.resume}. */
  attemptData(attempt: UpstreamAttempt, chunk: Buffer): boolean;
  /** The response is whole. `trailers` is flat: name, value … */
  attemptEnd(attempt: UpstreamAttempt, trailers: string[]): void;
  /** There is no response, or it was cut. */
  attemptFailed(attempt: UpstreamAttempt, failure: Failure): void;
}

/** What is sent. */
export interface OutgoingMessage {
  readonly method: string;
  /** Path and query below the upstream's own path. */
  readonly target: string;
  readonly body: Buffer | Readable | null;
}

/** See the module. */
export class UpstreamAttempt implements PooledRequest {
  readonly number: number;
  readonly headers: HeaderList;
  readonly hooks: AttemptHooks[] = [];
  readonly runtime: Upstream;
  keyId: string | undefined;
  /** Whether the response's head has come. */
  answered = false;
  /** When it was handed to the pool, when its head was written, and when the response's head came (`performance.now()`). */
  dispatchedAt: number | undefined;
  sentAt: number | undefined;
  answeredAt: number | undefined;
  /** Of the connection that was opened for it. */
  timings: ConnectTimings | undefined;

  readonly #owner: AttemptOwner;
  #connection: Http1Connection | undefined;
  #message: RequestMessage | undefined;
  #over = false;
  #total: NodeJS.Timeout | undefined;
  /** First byte, then idle. */
  #phase: NodeJS.Timeout | undefined;

  constructor(owner: AttemptOwner, number: number, upstream: Upstream, headers: HeaderList) {
    this.#owner = owner;
    this.number = number;
    this.runtime = upstream;
    this.headers = headers;
  }

  get upstream(): UpstreamInfo {
    return this.runtime.info;
  }

  /** Whether its end has been told or it was aborted. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether it has a connection and its headers have been sent. */
  get sent(): boolean {
    return this.#connection !== undefined;
  }

  get message(): RequestMessage {
    if (this.#message === undefined) throw new Error('nothing has been sent');
    return this.#message;
  }

  /** Sends the request. Fails (asynchronously to nobody: through the owner) when the pool is full. */
  send(message: OutgoingMessage): void {
    if (this.#over) return;
    const { pool, timeouts, basePath } = this.runtime;
    if (pool.full) {
      this.#fail(new AttemptError('upstream_busy', 'the connection pool and its queue are full'), false);
      return;
    }
    if (timeouts.total > 0) this.#total = setTimeout(onTotal, timeouts.total, this);
    this.dispatchedAt = performance.now();
    this.#message = {
      path: basePath + message.target,
      method: message.method,
      headers: this.headers,
      body: message.body,
    };
    pool.dispatch(this);
  }

  /** Stops it without telling the owner. */
  abort(): void {
    if (this.#over) return;
    this.#finish();
    this.#leave();
  }

  /** Lets the upstream go on after `attemptData` returned false. */
  resume(): void {
    if (this.#over) return;
    this.#phase?.refresh();
    this.#connection?.resume();
  }

  /** Fails it as a timeout does. */
  fail(error: AttemptError): void {
    if (this.#over) return;
    this.#fail(error, false);
    this.#leave();
  }

  started(connection: Http1Connection, timings: ConnectTimings | undefined): void {
    this.#connection = connection;
    this.sentAt = performance.now();
    this.timings = timings;
    const limit = this.runtime.timeouts.first_byte;
    if (limit > 0) this.#phase = setTimeout(onPhase, limit, this);
  }

  /** Part of the body has been sent: a long upload is not a late answer. */
  bodySent(): void {
    this.#phase?.refresh();
  }

  informed({ status, headers }: ResponseHead): void {
    if (!this.#over) this.#owner.attemptInformed(status, endToEnd(headers));
  }

  head({ status, reason, headers }: ResponseHead): void {
    if (this.#over) return;
    const passed = endToEnd(headers);
    // No content can follow, and a length of it would make the client wait for some (RFC 9110 §8.6).
    if (status === 204) passed.delete('content-length');
    this.answered = true;
    this.answeredAt = performance.now();
    clearTimeout(this.#phase);
    const { idle } = this.runtime.timeouts;
    this.#phase = idle > 0 ? setTimeout(onPhase, idle, this) : undefined;
    this.#owner.attemptHead(this, status, reason, passed);
  }

  data(chunk: Buffer): void {
    if (this.#over) return;
    this.#phase?.refresh();
    if (!this.#owner.attemptData(this, chunk)) this.#connection?.pause();
  }

  ended(trailers: readonly string[]): void {
    if (this.#over) return;
    this.#finish();
    this.#owner.attemptEnd(this, trailers.length === 0 ? [] : endToEnd(new HeaderLines([...trailers])).flat);
  }

  failed(error: Error, untouched: boolean): void {
    // Once a byte of an answer has come the upstream was at work: it is no stale connection (RFC 9110 §9.2.2).
    this.#fail(error, untouched && (this.#connection?.served ?? 0) > 0);
  }

  /** A timer has fired. A response that waits for its client is not idle. */
  timeout(kind: 'phase' | 'total'): void {
    if (this.#over) return;
    const { timeouts } = this.runtime;
    if (kind === 'total') {
      this.fail(new AttemptError('upstream_total_timeout', `not complete within ${timeouts.total} ms`));
    } else if (!this.answered && this.#starved) {
      // The client owes a part of its body: that is no fault of the upstream (`server.request_timeout` bounds it).
      this.#phase?.refresh();
    } else if (!this.answered) {
      this.fail(new AttemptError('upstream_first_byte_timeout', `no answer within ${timeouts.first_byte} ms`));
    } else if (this.#connection?.paused === true) {
      this.#phase?.refresh();
    } else {
      this.fail(new AttemptError('upstream_idle_timeout', `nothing sent for ${timeouts.idle} ms`));
    }
  }

  get #starved(): boolean {
    const body = this.#message?.body;
    return body instanceof BodyStream && body.starved;
  }

  #fail(error: unknown, reused: boolean): void {
    if (this.#over) return;
    this.#finish();
    this.#owner.attemptFailed(this, failureOf(error, reused));
  }

  /** Nobody waits for its answer any more: gives up its place in the queue, or the connection. */
  #leave(): void {
    if (this.#connection === undefined) this.runtime.pool.forget(this);
    else this.#connection.destroy();
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#total);
    clearTimeout(this.#phase);
    if (this.#message !== undefined) this.runtime.pool.done();
  }
}

function onTotal(attempt: UpstreamAttempt): void {
  attempt.timeout('total');
}

function onPhase(attempt: UpstreamAttempt): void {
  attempt.timeout('phase');
}
