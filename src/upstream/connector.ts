/**
 * Opens connections to one upstream: address guard, one deadline over DNS, TCP and TLS, a private CA and client
 * certificates, HTTP/1.1 only (over HTTP/2 a cut answer can look complete).
 */
import { isIP, type Socket } from 'node:net';
import { buildConnector } from 'undici';
import type { ProblemCode } from '../errors.ts';
import { forbiddenAddress } from './address-guard.ts';
import { openTunnel } from './egress-proxy.ts';

/** How to connect to an upstream. */
export interface ConnectorOptions {
  /** DNS, TCP and TLS together, in milliseconds; 0: no limit. */
  readonly connectMs: number;
  readonly allowPrivate: boolean;
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  /** A CONNECT proxy, which then resolves names and is itself trusted. */
  readonly egressProxy: URL | undefined;
}

/** Why there is no connection. */
export class ConnectError extends Error {
  readonly problem: ProblemCode;
  constructor(code: ProblemCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ConnectError';
    this.problem = code;
  }
}

/** Makes the connector that undici's clients and the WebSocket agent share. */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { allowPrivate, connectMs, egressProxy } = options;
  const open = buildConnector({ allowH2: false, timeout: 0, keepAliveInitialDelay: 30_000, ...options.tls });
  const guarded = !allowPrivate;

  return (target, callback) => {
    let socket: Socket | undefined;
    let settled = false;
    const settle = (error: ConnectError | undefined, connected?: Socket) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      if (error === undefined && connected !== undefined) {
        callback(null, connected);
        return;
      }
      socket?.destroy();
      callback(error ?? new ConnectError('upstream_connect', 'no connection'), null);
    };
    const timer = connectMs > 0 ? setTimeout(() => settle(timeoutError(connectMs)), connectMs) : undefined;

    if (guarded && isIP(target.hostname) !== 0) {
      const reason = forbiddenAddress(target.hostname);
      if (reason !== undefined) {
        // In the next tick: undici expects its connector to answer later.
        process.nextTick(settle, forbidden(reason));
        return;
      }
    }
    const connect = (httpSocket?: Socket) => {
      if (settled) {
        httpSocket?.destroy();
        return;
      }
      const through = httpSocket === undefined ? {} : { httpSocket };
      socket = asSocket(
        open({ ...target, ...through }, (error, connected) => {
          if (error !== null) {
            settle(connectError(error, target.protocol === 'https:' && reached));
            return;
          }
          const reason =
            guarded && httpSocket === undefined ? forbiddenAddress(connected.remoteAddress ?? '') : undefined;
          if (reason === undefined) settle(undefined, connected);
          else settle(forbidden(reason));
        }),
      );
      let reached = httpSocket !== undefined;
      socket?.once('connect', () => {
        reached = true;
      });
      if (guarded && httpSocket === undefined) {
        // Judged on every address of the answer, before a packet is sent to any of them.
        socket?.on('lookup', (error: Error | null, address: string) => {
          const reason = error === null ? forbiddenAddress(address) : undefined;
          if (reason !== undefined) settle(forbidden(reason));
        });
      }
    };
    if (egressProxy === undefined) {
      connect();
      return;
    }
    socket = openTunnel(egressProxy, target, (error, tunnel) => {
      if (tunnel === undefined) settle(connectError(error ?? new Error('no tunnel'), false));
      else if (target.protocol === 'https:') connect(tunnel);
      else settle(undefined, tunnel);
    });
  };
}

/** undici types the result of a connector as void, but it is the socket. */
function asSocket(value: unknown): Socket | undefined {
  return value as Socket | undefined;
}

function forbidden(reason: string): ConnectError {
  return new ConnectError(
    'upstream_forbidden',
    `the upstream resolves to a ${reason} address; allow_private would permit it`,
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
