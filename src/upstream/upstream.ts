/** One upstream at run time: where it is, how it speaks, its timeouts and its connections. Survives reloads that leave it alone. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import type { UpstreamConfig } from '../config/schema.ts';
import type { UpstreamInfo } from '../policy.ts';
import type { Closable } from '../resources/shared.ts';
import { readTls } from '../resources/tls-files.ts';
import { type Connector, createConnector } from './connector.ts';
import { exemptFromProxy } from './egress-proxy.ts';
import { ConnectionPool, sharedRead } from './pool.ts';

/** See the module. */
export class Upstream implements Closable {
  readonly info: UpstreamInfo;
  /** Scheme and authority; a URL object, which http-proxy-3 takes without parsing. */
  readonly target: URL;
  /** The URL's own path without a trailing slash, put before every request's path. */
  readonly basePath: string;
  readonly timeouts: UpstreamConfig['timeouts'];
  /** Milliseconds after which the first of them may be over; 0: all are off. */
  readonly shortestTimeout: number;
  readonly pool: ConnectionPool;
  readonly host: string;
  readonly port: number;
  readonly #url: URL;
  readonly #connector: Connector;

  /** Throws when a TLS file cannot be read. */
  constructor(name: string, config: UpstreamConfig, env: Readonly<Record<string, string | undefined>>) {
    const url = new URL(config.url);
    this.info = Object.freeze({ name, dialect: config.dialect });
    this.target = new URL(url.origin);
    this.basePath = url.pathname.replace(/\/+$/, '');
    this.timeouts = config.timeouts;
    const { first_byte: firstByte, idle, total } = config.timeouts;
    this.shortestTimeout = Math.min(...[firstByte, idle, total].filter((ms) => ms > 0));
    if (!Number.isFinite(this.shortestTimeout)) this.shortestTimeout = 0;
    this.host = url.hostname.replace(/^\[|\]$/g, '');
    this.port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
    const viaProxy = config.egress_proxy !== '' && !exemptFromProxy(this.host, env.NO_PROXY ?? env.no_proxy);
    this.#url = url;
    const options = {
      connectMs: config.timeouts.connect,
      allowPrivate: config.allow_private,
      tls: readTls(config.tls),
      egressProxy: viaProxy ? new URL(config.egress_proxy) : undefined,
    };
    this.#connector = createConnector(options);
    this.pool = new ConnectionPool(this.target, createConnector({ ...options, onread: sharedRead }), config.pool);
  }

  /** For a WebSocket handshake, which http-proxy-3 sends through node:http: one guarded connection of its own. */
  handshake(): HandshakeConnection {
    return new HandshakeConnection(this.#url, this.host, this.#connector);
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}

/** The connection of one handshake. */
export class HandshakeConnection {
  /** What node:http takes to open it. */
  readonly agent: HttpAgent;
  #giveUp: (() => void) | undefined;

  constructor(url: URL, hostname: string, connector: Connector) {
    const options = { keepAlive: false };
    this.agent = url.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
    this.agent.createConnection = (_options, callback) => {
      const target = { hostname, host: url.host, protocol: url.protocol, port: url.port };
      // Node's types ask for a stream beside an error too, but nothing reads it.
      this.#giveUp = connector(target, (error, socket) => callback?.(error, socket as Duplex));
      return undefined;
    };
  }

  /** Stops opening it; what has been opened is closed by whoever uses it. */
  giveUp(): void {
    this.#giveUp?.();
  }
}
