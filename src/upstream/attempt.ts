/**
 * One try of an exchange at one upstream: its request, its timers, and the end of it told to its owner exactly once.
 * Nothing here knows about policies or the client.
 */
import type { Readable } from 'node:stream';
import type { Failure } from '../errors.ts';
import { BodyStream } from '../http/body-stream.ts';
import type { HeaderList } from '../http/headers.ts';
import { keepEndToEnd } from '../http/hygiene.ts';
import type { AttemptHooks, UpstreamInfo } from '../policy.ts';
import type { ConnectTimings } from './connector.ts';
import { AttemptError, failureOf } from './failures.ts';
import type { Http1Connection } from './http1/connection.ts';
import { ClosedError } from './http1/protocol-error.ts';
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
  /** All that has come has been told. */
  attemptTold(): void;
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
  /** One for all deadlines: it fires as soon as any of them may have passed, and sees then which has. */
  #timer: NodeJS.Timeout | undefined;
  /** When something was last sent or received; deadlines of silence count from here. */
  #activeAt = 0;

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
    const { pool, shortestTimeout, basePath } = this.runtime;
    if (pool.full) {
      this.#fail(new AttemptError('upstream_busy', 'the connection pool and its queue are full'), false);
      return;
    }
    this.dispatchedAt = performance.now();
    this.#message = {
      path: basePath + message.target,
      method: message.method,
      headers: this.headers,
      body: message.body,
    };
    if (shortestTimeout > 0) this.#timer = setTimeout(onTimer, shortestTimeout, this);
    pool.dispatch(this, this.dispatchedAt);
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
    this.#activeAt = performance.now();
    this.#connection?.resume();
  }

  /** Fails it as a timeout does. */
  fail(error: AttemptError): void {
    if (this.#over) return;
    this.#fail(error, false);
    this.#leave();
  }

  started(connection: Http1Connection, timings: ConnectTimings | undefined, at: number): void {
    this.#connection = connection;
    this.sentAt = at;
    this.#activeAt = at;
    this.timings = timings;
  }

  /** Part of the body has been sent: a long upload is not a late answer. */
  bodySent(): void {
    this.#activeAt = performance.now();
  }

  informed({ status, headers }: ResponseHead): void {
    if (!this.#over) this.#owner.attemptInformed(status, keepEndToEnd(headers));
  }

  head({ status, reason, headers }: ResponseHead): void {
    if (this.#over) return;
    keepEndToEnd(headers);
    // No content can follow, and a length of it would make the client wait for some (RFC 9110 §8.6).
    if (status === 204) headers.delete('content-length');
    this.answered = true;
    this.answeredAt = this.#readAt;
    this.#activeAt = this.#readAt;
    this.#owner.attemptHead(this, status, reason, headers);
  }

  data(chunk: Buffer): void {
    if (this.#over) return;
    this.#activeAt = this.#readAt;
    if (!this.#owner.attemptData(this, chunk)) this.#connection?.pause();
  }

  told(): void {
    if (!this.#over) this.#owner.attemptTold();
  }

  ended(trailers: HeaderList | undefined): void {
    if (this.#over) return;
    this.#finish();
    this.#owner.attemptEnd(this, trailers === undefined ? [] : keepEndToEnd(trailers).flat);
  }

  failed(error: Error, untouched: boolean): void {
    // Once a byte of an answer has come, or a while has passed, the upstream was at work: that is no stale connection
    // (RFC 9110 §9.2.2).
    const reused = untouched && (this.#connection?.served ?? 0) > 0;
    const stale = reused && performance.now() - this.#activeAt < staleMs;
    // The others have been idle for longer, and there is one more try only.
    if (stale && error instanceof ClosedError) this.runtime.pool.closeIdle();
    this.#fail(error, stale);
  }

  /** The timer has fired. */
  checkDeadlines(): void {
    if (this.#over) return;
    const now = performance.now();
    const { first_byte: firstByte, idle, total } = this.runtime.timeouts;
    const left = [Number.POSITIVE_INFINITY];
    if (total > 0) {
      left.push((this.dispatchedAt ?? now) + total - now);
      if (isOver(left.at(-1))) {
        this.fail(new AttemptError('upstream_total_timeout', `not complete within ${total} ms`));
        return;
      }
    }
    // A response that waits for its client is not idle; a body that its client owes a part of is no fault of the
    // upstream (`server.request_timeout` bounds it); while it waits for a connection only the total counts.
    const excused = this.answered ? this.#connection?.paused === true : this.#starved || this.#connection === undefined;
    if (excused) this.#activeAt = now;
    const silence = this.answered ? idle : firstByte;
    if (silence > 0) {
      left.push(this.#activeAt + silence - now);
      if (isOver(left.at(-1))) {
        this.fail(this.#silent(silence));
        return;
      }
    }
    // An answer may begin meanwhile, and then be silent.
    if (idle > 0) left.push(idle);
    const next = Math.min(...left);
    if (Number.isFinite(next)) this.#timer = setTimeout(onTimer, Math.max(1, next), this);
  }

  #silent(ms: number): AttemptError {
    return this.answered
      ? new AttemptError('upstream_idle_timeout', `nothing sent for ${ms} ms`)
      : new AttemptError('upstream_first_byte_timeout', `no answer within ${ms} ms`);
  }

  /** When what is being told was read. */
  get #readAt(): number {
    return this.#connection?.readAt ?? 0;
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
    clearTimeout(this.#timer);
    if (this.#message !== undefined) this.runtime.pool.done();
  }
}

/** Who has closed a connection before a request came answers it with a reset, a round trip later. */
const staleMs = 2_000;

function onTimer(attempt: UpstreamAttempt): void {
  attempt.checkDeadlines();
}

/** Timers are up to a millisecond early by this clock. */
function isOver(left: number | undefined): boolean {
  return left !== undefined && left < 1;
}
