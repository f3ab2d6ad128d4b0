/**
 * Opens connections to one upstream: address guard, one deadline over DNS, TCP and TLS, a private CA and client
 * certificates, HTTP/1.1 only (over HTTP/2 a cut answer can look complete).
 */
import type { OnReadOpts, Socket } from 'node:net';
import type { ProblemCode } from '../errors.ts';
import { forbiddenAddress, forbiddenHost } from './address-guard.ts';
import { openTunnel } from './egress-proxy.ts';
import { SocketOpener, type SocketTarget, type TlsFiles } from './open-socket.ts';

/** How to connect to an upstream. */
export interface ConnectorOptions {
  /** DNS, TCP and TLS together, in milliseconds; 0: no limit. */
  readonly connectMs: number;
  readonly allowPrivate: boolean;
  readonly tls: TlsFiles;
  /** A CONNECT proxy, which then resolves names and is itself trusted. */
  readonly egressProxy: URL | undefined;
  /** Where sockets are read to, if they can be (not through a tunnel); else, and without it, they emit `data`. */
  readonly onread?: OnReadOpts;
}

/** Called once: with a socket, or with the reason why there is none. */
export type ConnectCallback = (...result: [error: null, socket: Socket] | [error: Error, socket: null]) => void;

/** Why there is no connection. */
export class ConnectError extends Error {
  readonly problem: ProblemCode;
  constructor(code: ProblemCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ConnectError';
    this.problem = code;
  }
}

/** How long the steps of opening a connection took, in milliseconds; undefined for one that there was not. */
export interface ConnectTimings {
  readonly dnsMs: number | undefined;
  /** DNS not included; through a tunnel, the whole way to its end. */
  readonly tcpMs: number | undefined;
  readonly tlsMs: number | undefined;
}

const timings = new WeakMap<Socket, ConnectTimings>();

/** How long a connection of this module took to open. */
export function timingsOf(socket: Socket): ConnectTimings | undefined {
  return timings.get(socket);
}

/** Opens a connection and calls back once, never in the same tick. Returns what gives it up before that. */
export type Connector = (target: SocketTarget, callback: ConnectCallback) => () => void;

/**
 * The same for whoever else fetches from a host that a configuration names, e.g. keys of an issuer of tokens: what is left
 * out of the options is as safe as it can be. To be given to undici as `connect`, beside `allowH2: false`.
 */
export function guardedConnector(options: Partial<ConnectorOptions> = {}): Connector {
  return createConnector({ connectMs: 5000, allowPrivate: false, tls: {}, egressProxy: undefined, ...options });
}

/** Makes a connector. */
export function createConnector(options: ConnectorOptions): Connector {
  const opener = new SocketOpener(options.tls, options.onread);
  return (target, callback) => {
    const attempt = new Connecting(options, opener, target, callback);
    attempt.start();
    return () => attempt.settle(new ConnectError('upstream_connect', 'nobody waits for the connection any more'));
  };
}

/** One connection that is being opened. */
class Connecting {
  readonly #options: ConnectorOptions;
  readonly #opener: SocketOpener;
  readonly #target: SocketTarget;
  readonly #callback: ConnectCallback;
  readonly #timer: NodeJS.Timeout | undefined;
  #opening: { destroy(): unknown } | undefined;
  #settled = false;
  readonly #startedAt = performance.now();
  #resolvedAt: number | undefined;
  #connectedAt: number | undefined;

  constructor(options: ConnectorOptions, opener: SocketOpener, target: SocketTarget, callback: ConnectCallback) {
    this.#options = options;
    this.#opener = opener;
    this.#target = target;
    this.#callback = callback;
    const { connectMs } = options;
    if (connectMs > 0) this.#timer = setTimeout(() => this.settle(timeoutError(connectMs)), connectMs);
  }

  start(): void {
    const { allowPrivate, egressProxy } = this.#options;
    const { hostname, protocol } = this.#target;
    const reason = allowPrivate ? undefined : forbiddenHost(hostname);
    if (reason !== undefined) {
      // Never in the same tick.
      process.nextTick(() => this.settle(forbidden(reason)));
    } else if (egressProxy === undefined) {
      this.#connect(undefined);
    } else {
      this.#opening = openTunnel(egressProxy, this.#target, (error, tunnel) => {
        if (tunnel === undefined) this.settle(connectError(error ?? new Error('no tunnel'), false));
        else if (protocol !== 'https:') this.settle(undefined, tunnel);
        else if (this.#settled) tunnel.destroy();
        else this.#connect(tunnel);
      });
    }
  }

  /** Ends it with a connection or an error; only the first call counts, a connection that comes later is closed. */
  settle(error: ConnectError | undefined, connected?: Socket): void {
    if (this.#settled) {
      connected?.destroy();
      return;
    }
    this.#settled = true;
    clearTimeout(this.#timer);
    if (error === undefined && connected !== undefined) {
      timings.set(connected, this.#timings());
      this.#callback(null, connected);
      return;
    }
    this.#opening?.destroy();
    this.#callback(error ?? new ConnectError('upstream_connect', 'no connection'), null);
  }

  #timings(): ConnectTimings {
    const now = performance.now();
    const secure = this.#target.protocol === 'https:';
    const connectedAt = this.#connectedAt ?? now;
    return {
      dnsMs: this.#resolvedAt === undefined ? undefined : this.#resolvedAt - this.#startedAt,
      tcpMs: connectedAt - (this.#resolvedAt ?? this.#startedAt),
      tlsMs: secure ? now - connectedAt : undefined,
    };
  }

  /** DNS, TCP and TLS; through a tunnel (whose proxy is trusted and resolves names itself) TLS only. */
  #connect(tunnel: Socket | undefined): void {
    const guarded = !this.#options.allowPrivate && tunnel === undefined;
    if (tunnel !== undefined) this.#connectedAt = performance.now();
    const secure = this.#target.protocol === 'https:';
    const opening = this.#open(tunnel);
    if (opening === undefined) return;
    opening.on('error', (error) => this.settle(connectError(error, secure && this.#connectedAt !== undefined)));
    opening.once(secure ? 'secureConnect' : 'connect', () => {
      const { remoteAddress } = opening;
      if (!guarded) this.settle(undefined, opening);
      else if (remoteAddress === undefined) this.settle(new ConnectError('upstream_connect', 'connection lost'));
      else this.#judge(remoteAddress, opening);
    });
    this.#opening = opening;
    opening.once('connect', () => {
      this.#connectedAt ??= performance.now();
    });
    // Judged on every address of the answer, before a packet is sent to any of them: Node tells of all of them first.
    opening.on('lookup', (error: Error | null, address: string) => {
      this.#resolvedAt ??= performance.now();
      if (!guarded) return;
      const reason = error === null ? forbiddenAddress(address) : undefined;
      if (reason !== undefined) this.settle(forbidden(reason));
    });
  }

  /** Node throws what is wrong with a certificate; where it did there is no socket. */
  #open(tunnel: Socket | undefined): Socket | undefined {
    try {
      return this.#opener.open(this.#target, tunnel);
    } catch (error) {
      tunnel?.destroy();
      // Never in the same tick.
      process.nextTick(() => this.settle(connectError(error as Error, true)));
      return undefined;
    }
  }

  /** Once more on the very address that the connection has, whatever told of it. */
  #judge(address: string, connected: Socket): void {
    const reason = forbiddenAddress(address);
    if (reason === undefined) this.settle(undefined, connected);
    else this.settle(forbidden(reason));
  }
}

function forbidden(reason: string): ConnectError {
  return new ConnectError(
    'upstream_forbidden',
    `the upstream is at, or resolves to, an address that is not public (${reason}); allow_private would permit it`,
  );
}

function timeoutError(ms: number): ConnectError {
  return new ConnectError('upstream_connect_timeout', `no connection within ${ms} ms`);
}

const dnsCodes = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME']);

function connectError(error: Error, duringTls: boolean): ConnectError {
  if (error instanceof ConnectError) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (dnsCodes.has(code)) return new ConnectError('upstream_dns', code, error);
  if (duringTls) return new ConnectError('upstream_tls', code || error.message, error);
  return new ConnectError('upstream_connect', code || 'connection failed', error);
}
