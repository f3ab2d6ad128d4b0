/**
 * Keep-alive connections to one upstream and the requests that wait for one, both bounded. A request takes the connection
 * that was used last; without one it waits, first come first served, while as many are opened as may be.
 */
import type { OnReadOpts, Socket } from 'node:net';
import { IndexedList } from '../resources/indexed-list.ts';
import { type Connector, type ConnectTimings, timingsOf } from './connector.ts';
import { type ConnectionOwner, Http1Connection, type Origin, type ResponseHandler } from './http1/connection.ts';
import type { RequestMessage } from './http1/request-head.ts';

/** A request on its way. */
export interface PooledRequest extends ResponseHandler {
  readonly message: RequestMessage;
  /**
   * It has a connection, and its head is about to be written, `at` (by `performance.now()`). `timings` of the connection
   * that was opened for it.
   */
  started(connection: Http1Connection, timings: ConnectTimings | undefined, at: number): void;
}

/** Bounds of a pool. */
export interface PoolOptions {
  readonly connections: number;
  readonly queue: number;
  /** Milliseconds after which a connection takes no more requests, so that changes of DNS are picked up; 0: no limit. */
  readonly max_age: number;
}

/** Idle connections are kept for so long; a server that announces less (Keep-Alive: timeout) is believed. */
const keepAliveMs = 30_000;
/** How often idle connections are looked at. */
const sweepMs = 1_000;

/** Sockets know the connection that reads them. */
const reader = Symbol('reader');
type ReadSocket = Socket & { [reader]?: Http1Connection };

/** All connections are read into this one buffer, one after the other: memory of a read is not the next one's garbage. */
export const sharedRead: OnReadOpts = {
  buffer: Buffer.allocUnsafeSlow(64 * 1024),
  callback(this: ReadSocket, length: number, bytes: Uint8Array): boolean {
    this[reader]?.read((bytes as Buffer).subarray(0, length));
    return true;
  },
};

/** The pool of one upstream. */
export class ConnectionPool implements ConnectionOwner {
  readonly #url: URL;
  readonly #origin: Origin;
  readonly #connector: Connector;
  readonly #options: PoolOptions;
  readonly #idle: Http1Connection[] = [];
  readonly #busy = new IndexedList<Http1Connection>();
  readonly #waiting = new Set<PooledRequest>();
  /** Connections that are being opened, and what gives each up. */
  readonly #opening = new Set<{ giveUp: () => void }>();
  #inFlight = 0;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(url: URL, connector: Connector, options: PoolOptions) {
    this.#url = url;
    this.#origin = { host: `host: ${url.host}\r\n`, idleMs: keepAliveMs };
    this.#connector = connector;
    this.#options = options;
  }

  /** Requests on the way or waiting. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Connections with a request on them and without, and requests that wait for one (that is opened, or free). */
  get states(): { readonly active: number; readonly idle: number; readonly queued: number } {
    return { active: this.#busy.size, idle: this.#idle.length, queued: this.#waiting.size };
  }

  /** Whether one more request would be too many. */
  get full(): boolean {
    return this.#inFlight >= this.#options.connections + this.#options.queue;
  }

  /** Sends a request, `at` (by `performance.now()`); pair with {@link done} once it has ended. */
  dispatch(request: PooledRequest, at: number): void {
    this.#inFlight++;
    const connection = this.#takeIdle(at);
    if (connection !== undefined) {
      this.#start(connection, request, undefined, at);
      return;
    }
    this.#waiting.add(request);
    this.#open();
  }

  done(): void {
    this.#inFlight--;
  }

  /** Nobody waits for this request any more; with nobody else waiting a connection that is being opened is not needed. */
  forget(request: PooledRequest): void {
    if (!this.#waiting.delete(request) || this.#opening.size <= this.#waiting.size) return;
    for (const opening of this.#opening) {
      this.#opening.delete(opening);
      opening.giveUp();
      return;
    }
  }

  released(connection: Http1Connection, idleMs: number): void {
    const { max_age: maxAge } = this.#options;
    const now = connection.readAt;
    this.#busy.delete(connection);
    if (this.#closed || (maxAge > 0 && now - connection.openedAt >= maxAge)) {
      connection.destroy();
      return;
    }
    connection.idleUntil = now + idleMs;
    const next = this.#next();
    if (next !== undefined) {
      this.#start(connection, next, undefined, performance.now());
      return;
    }
    this.#idle.push(connection);
    this.#sweep ??= setInterval(() => this.#closeOverdue(), sweepMs).unref();
  }

  lost(connection: Http1Connection): void {
    if (!this.#busy.delete(connection)) {
      const at = this.#idle.indexOf(connection);
      if (at >= 0) this.#idle.splice(at, 1);
    }
    this.#open();
  }

  /** Closes every connection; what is on the way or waits fails. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const opening of this.#opening) opening.giveUp();
    this.#opening.clear();
    for (const request of [...this.#waiting]) request.failed(new Error('the pool was closed'), true);
    this.#waiting.clear();
    for (const connection of this.#busy.all()) connection.close(new Error('the pool was closed'));
    this.closeIdle();
  }

  /** Closes the connections that nobody uses now. */
  closeIdle(): void {
    for (const connection of [...this.#idle]) connection.destroy();
  }

  /** The one that was used last: the others may grow idle and go. */
  #takeIdle(now: number): Http1Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      if (connection.usable(now, this.#options.max_age)) return connection;
      connection.destroy();
    }
  }

  #next(): PooledRequest | undefined {
    for (const request of this.#waiting) {
      this.#waiting.delete(request);
      return request;
    }
    return undefined;
  }

  #start(connection: Http1Connection, request: PooledRequest, timings: ConnectTimings | undefined, at: number): void {
    this.#busy.add(connection);
    request.started(connection, timings, at);
    try {
      connection.send(request.message, request);
    } catch (error) {
      // Nothing was sent: the connection is as good as before.
      this.released(connection, keepAliveMs);
      request.failed(error as Error, true);
    }
  }

  /** Opens a connection for each that waits, as far as they are allowed. */
  #open(): void {
    const { connections } = this.#options;
    while (
      !this.#closed &&
      this.#opening.size < this.#waiting.size &&
      this.#opening.size + this.#busy.size + this.#idle.length < connections
    ) {
      this.#openOne();
    }
  }

  #openOne(): void {
    const { hostname, protocol, port } = this.#url;
    const opening = { giveUp: () => {} };
    this.#opening.add(opening);
    opening.giveUp = this.#connector({ hostname, protocol, port }, (error, socket) => {
      const wanted = this.#opening.delete(opening);
      if (error === null && wanted) this.#opened(socket);
      else if (error === null) socket.destroy();
      else if (wanted) this.#next()?.failed(error, true);
      this.#open();
    });
  }

  #opened(socket: Socket): void {
    const connection = new Http1Connection(socket, this.#origin, this);
    (socket as ReadSocket)[reader] = connection;
    // Those that could not be read into the buffer, through a tunnel.
    socket.on('data', (bytes: Buffer) => connection.read(bytes));
    const request = this.#next();
    if (request !== undefined) this.#start(connection, request, timingsOf(socket), performance.now());
    else this.released(connection, keepAliveMs);
  }

  #closeOverdue(): void {
    const now = performance.now();
    for (const connection of this.#idle.filter(({ idleUntil }) => idleUntil <= now)) connection.destroy();
    if (this.#idle.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
