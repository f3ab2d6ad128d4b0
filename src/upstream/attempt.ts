/**
 * One try of an exchange at one upstream: the handler that undici calls, our own timers, and the end of it told to its
 * owner exactly once. Nothing here knows about policies or the client.
 */
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Failure } from '../errors.ts';
import { BodyStream } from '../http/body-stream.ts';
import type { HeaderList } from '../http/headers.ts';
import { hasForeignCoding, inboundHeaders } from '../http/hygiene.ts';
import type { AttemptHooks, UpstreamInfo } from '../policy.ts';
import type { ConnectTimings } from './connector.ts';
import { AttemptError, failureOf } from './failures.ts';
import type { Connection, PooledHandler } from './pool.ts';
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
export class UpstreamAttempt implements PooledHandler {
  readonly number: number;
  readonly headers: HeaderList;
  readonly hooks: AttemptHooks[] = [];
  readonly runtime: Upstream;
  connection: Connection | undefined;
  failed = false;
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
  #controller: Dispatcher.DispatchController | undefined;
  #dispatched = false;
  #body: BodyStream | undefined;
  /** What the connection had brought before: one byte more is a byte of this answer. */
  #readBefore: number | undefined;
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
    return this.#controller !== undefined;
  }

  /** Sends the request. Fails (asynchronously to nobody: through the owner) when the pool is full. */
  send(message: OutgoingMessage): void {
    if (this.#over) return;
    const { pool, timeouts, basePath } = this.runtime;
    if (pool.full) {
      this.#fail(new AttemptError('upstream_busy', 'the connection pool and its queue are full'));
      return;
    }
    if (timeouts.total > 0) this.#total = setTimeout(onTotal, timeouts.total, this);
    this.#dispatched = true;
    if (message.body instanceof BodyStream) this.#body = message.body;
    this.dispatchedAt = performance.now();
    pool.dispatch(
      {
        path: basePath + message.target,
        method: message.method as Dispatcher.HttpMethod,
        headers: this.headers.flat,
        body: message.body,
      },
      this,
    );
  }

  /** Stops it without telling the owner. */
  abort(reason: string): void {
    if (this.#over) return;
    this.#finish();
    if (this.#controller === undefined) this.connection?.unwanted();
    else this.#controller.abort(new AttemptError('internal_error', reason));
  }

  /** Lets the upstream go on after `attemptData` returned false. */
  resume(): void {
    this.#phase?.refresh();
    this.#controller?.resume();
  }

  /** Fails it as a timeout does. */
  fail(error: AttemptError): void {
    if (this.#over) return;
    this.#fail(error);
    if (this.#controller === undefined) this.connection?.unwanted();
    else this.#controller.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A request that was aborted while it waited for a connection must not be sent; throwing here keeps the socket.
    if (this.#over) throw new AttemptError('internal_error', 'aborted before it was sent');
    this.#controller = controller;
    this.#readBefore = this.connection?.bytesRead ?? 0;
    this.connection?.expectHead();
    this.sentAt = performance.now();
    this.timings = this.connection?.takeTimings();
    const limit = this.runtime.timeouts.first_byte;
    if (limit > 0) this.#phase = setTimeout(onPhase, limit, this);
  }

  /** Part of the body has been sent: a long upload is not a late answer. */
  onBodySent(): void {
    this.#phase?.refresh();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    if (this.#over) return;
    const raw = (controller.rawHeaders ?? []) as (Buffer | string)[];
    if (hasForeignCoding(raw)) {
      this.fail(new AttemptError('upstream_protocol', 'a Transfer-Encoding other than chunked'));
      return;
    }
    const headers = inboundHeaders(raw);
    if (status < 200) {
      this.#owner.attemptInformed(status, headers);
      return;
    }
    // No content can follow, and a length of it would make the client wait for some (RFC 9110 §8.6).
    if (status === 204) headers.delete('content-length');
    this.answered = true;
    this.answeredAt = performance.now();
    clearTimeout(this.#phase);
    const { idle } = this.runtime.timeouts;
    this.#phase = idle > 0 ? setTimeout(onPhase, idle, this) : undefined;
    this.#owner.attemptHead(this, status, statusText ?? '', headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#phase?.refresh();
    if (!this.#owner.attemptData(this, chunk)) controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#over) return;
    if (this.connection?.broken === true) {
      // undici takes the reset of a connection for the end of a response that has no other one.
      this.#fail(new AttemptError('upstream_reset', 'the connection was reset'));
      return;
    }
    if (this.connection !== undefined) this.connection.served++;
    this.#finish();
    const trailers = (controller.rawTrailers ?? []) as (Buffer | string)[];
    this.#owner.attemptEnd(this, trailers.length === 0 ? [] : inboundHeaders(trailers).flat);
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.failed = true;
    this.#fail(error);
  }

  /** A timer has fired. A response that waits for its client is not idle. */
  timeout(kind: 'phase' | 'total'): void {
    if (this.#over) return;
    const { timeouts } = this.runtime;
    if (kind === 'total') {
      this.fail(new AttemptError('upstream_total_timeout', `not complete within ${timeouts.total} ms`));
    } else if (!this.answered && this.#body?.starved === true) {
      // The client owes a part of its body: that is no fault of the upstream (`server.request_timeout` bounds it).
      this.#phase?.refresh();
    } else if (!this.answered) {
      this.fail(new AttemptError('upstream_first_byte_timeout', `no answer within ${timeouts.first_byte} ms`));
    } else if (this.#controller?.paused === true) {
      this.#phase?.refresh();
    } else {
      this.fail(new AttemptError('upstream_idle_timeout', `nothing sent for ${timeouts.idle} ms`));
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    const { connection } = this;
    // Once a byte of an answer has come the upstream was at work: it is no stale connection (RFC 9110 §9.2.2).
    const untouched = this.#readBefore === undefined || connection?.bytesRead === this.#readBefore;
    const reused = (connection?.served ?? 0) > 0 && untouched;
    this.#finish();
    this.#owner.attemptFailed(this, failureOf(error, reused));
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#total);
    clearTimeout(this.#phase);
    if (this.#dispatched) this.runtime.pool.done();
  }
}

function onTotal(attempt: UpstreamAttempt): void {
  attempt.timeout('total');
}

function onPhase(attempt: UpstreamAttempt): void {
  attempt.timeout('phase');
}
