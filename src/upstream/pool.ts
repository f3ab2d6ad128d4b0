/**
 * Keep-alive connections to one upstream: undici's Pool with its hazards covered. Its queue is unbounded, so requests
 * beyond the bound are refused here; a dispatch that fails synchronously would leave its client busy for ever, so the
 * client reports such a one as accepted.
 */
import type { Socket } from 'node:net';
import { Client, type Dispatcher, Pool } from 'undici';
import { type Connector, type ConnectTimings, timingsOf } from './connector.ts';
import { DropContinue } from './drop-continue.ts';

/** What a connection tells the handler of a request. */
export interface PooledHandler extends Dispatcher.DispatchHandler {
  /** Set before anything else is called: whether the connection has served a request before, asked when a socket fails. */
  connection: Connection | undefined;
  /** Whether `onResponseError` has been called. */
  readonly failed: boolean;
}

/** One connection at a time, reconnecting when it has been closed. */
export class Connection extends Client {
  /** Whole responses that the present socket has brought. */
  served = 0;
  readonly #link: Link;

  constructor(origin: URL, options: Client.Options, connector: Connector) {
    const link = new Link(connector);
    super(origin, { ...options, connect: link.connect });
    this.#link = link;
    this.on('disconnect', () => {
      this.served = 0;
    });
  }

  /** Whether its socket has failed: a response that only its closing ends would otherwise pass for whole. */
  get broken(): boolean {
    return this.#link.socket?.errored != null;
  }

  /** How long its present socket took to open; told once, to the first request on it. */
  takeTimings(): ConnectTimings | undefined {
    return this.served === 0 ? this.#link.takeTimings() : undefined;
  }

  /** Bytes that its present or last socket has brought. */
  get bytesRead(): number {
    return this.#link.socket?.bytesRead ?? 0;
  }

  /** A request has been sent: what comes next is the head of its response. */
  expectHead(): void {
    this.#link.interim?.expectHead();
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: PooledHandler): boolean {
    handler.connection = this;
    const ready = super.dispatch(options, handler);
    return ready || handler.failed;
  }

  /** The request that it was being opened for is gone: with nobody else waiting it is not opened at all. */
  unwanted(): void {
    if (!this.stats.connected && this.stats.pending <= 1) this.#link.giveUp();
  }
}

/** What connects one client, and its present socket. */
class Link {
  socket: Socket | undefined;
  interim: DropContinue | undefined;
  readonly #connector: Connector;
  #giveUp: (() => void) | undefined;
  #told: Socket | undefined;

  constructor(connector: Connector) {
    this.#connector = connector;
  }

  readonly connect: Connector = (target, callback) => {
    this.socket = undefined;
    this.#giveUp = this.#connector(target, (...result) => {
      this.#giveUp = undefined;
      this.socket = result[1] ?? undefined;
      this.interim = this.socket && new DropContinue(this.socket);
      callback(...result);
    });
    return this.#giveUp;
  };

  giveUp(): void {
    this.#giveUp?.();
  }

  takeTimings(): ConnectTimings | undefined {
    if (this.#told === this.socket || this.socket === undefined) return undefined;
    this.#told = this.socket;
    return timingsOf(this.socket);
  }
}

/** Idle connections are kept for so long; a server that announces less (Keep-Alive: timeout) is believed. */
const keepAliveMs = 30_000;
/** Closed so long before the server would close, against requests that cross with its FIN. */
const keepAliveMarginMs = 2_000;

/** Bounds of a pool. */
export interface PoolOptions {
  readonly connections: number;
  readonly queue: number;
  /** Milliseconds after which a connection takes no more requests, so that changes of DNS are picked up; 0: no limit. */
  readonly max_age: number;
}

/** The pool of one upstream. */
export class ConnectionPool {
  readonly #pool: Pool;
  readonly #most: number;
  #inFlight = 0;

  constructor(origin: URL, connector: Connector, options: PoolOptions) {
    this.#most = options.connections + options.queue;
    this.#pool = new Pool(origin.origin, {
      connections: options.connections,
      ...(options.max_age > 0 ? { clientTtl: options.max_age } : {}),
      allowH2: false,
      pipelining: 1,
      // Our own timers are exact and know why; undici's are coarse and would kill slow models.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      keepAliveTimeoutThreshold: keepAliveMarginMs,
      maxHeaderSize: 64 * 1024,
      factory: (url: URL, clientOptions: object) => new Connection(url, clientOptions as Client.Options, connector),
    });
    // Errors of connections reach their requests; without a listener an emitter would throw.
    this.#pool.on('connectionError', () => undefined);
  }

  /** Requests on the way or waiting. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Connections with a request on them and without, and requests that wait for one (that is opened, or free). */
  get states(): { readonly active: number; readonly idle: number; readonly queued: number } {
    const { running, connected, pending } = this.#pool.stats;
    return { active: running, idle: Math.max(0, connected - running), queued: pending };
  }

  /** Whether one more request would be too many. */
  get full(): boolean {
    return this.#inFlight >= this.#most;
  }

  /** Sends a request; pair with {@link done} once its handler has seen the end. */
  dispatch(options: Dispatcher.DispatchOptions, handler: PooledHandler): void {
    this.#inFlight++;
    this.#pool.dispatch(options, handler);
  }

  done(): void {
    this.#inFlight--;
  }

  /** Closes idle connections at once and busy ones with their requests. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
