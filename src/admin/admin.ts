/** The admin server: health, metrics and status on a port of their own. It only reads. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '../telemetry/log.ts';
import { type AdminMetrics, type AdminState, createResponder } from './endpoints.ts';

export type { AdminMetrics, AdminState, CheckState } from './endpoints.ts';

/** Where to listen. */
export interface ListenAddress {
  /** An address without brackets, e.g. `127.0.0.1` or `::`. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Left out without an error where the machine does not have the address, e.g. `::1` without IPv6. */
  readonly optional?: boolean;
}

/** Options of {@link createAdmin}. */
export interface AdminOptions {
  readonly addresses: readonly ListenAddress[];
  readonly state: AdminState;
  readonly metrics: AdminMetrics;
  readonly log: Log;
}

/** The admin server. */
export interface Admin {
  /**
   * Listens on every address, or on none.
   * @throws Error that names the address and what to do.
   */
  listen(): Promise<AddressInfo[]>;
  /** Stops listening, closes idle connections, gives answers under way a second. Never rejects. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 128;
const CLOSE_DEADLINE_MS = 1000;

/** Makes the admin server; it listens once told to. */
export function createAdmin(options: AdminOptions): Admin {
  const respond = createResponder(options.state, options.metrics, options.log);
  const servers: Server[] = [];

  const create = () => {
    const server = createServer(
      {
        headersTimeout: 5000,
        requestTimeout: 10_000,
        keepAliveTimeout: 75_000, // above the usual scrape interval of a minute
        connectionsCheckingInterval: 5000,
        maxHeaderSize: 8192,
      },
      (request, response) => {
        respond(request, response).catch((error: unknown) => {
          options.log.once('error', { err: error }, 'the admin server failed');
          response.destroy();
        });
      },
    );
    server.maxConnections = MAX_CONNECTIONS;
    return server;
  };

  return {
    async listen() {
      const bound: AddressInfo[] = [];
      try {
        for (const address of options.addresses) {
          const server = create();
          const info = await listenOn(server, address, options.addresses);
          if (info === undefined) continue;
          servers.push(server);
          bound.push(info);
        }
        if (bound.length === 0) throw new Error('admin: none of the addresses exists on this machine');
      } catch (error) {
        await Promise.all(servers.splice(0).map(closeServer));
        throw error;
      }
      return bound;
    },
    async close() {
      await Promise.all(servers.splice(0).map(closeServer));
    },
  };
}

/** Undefined when the address is optional and this machine does not have it. */
function listenOn(
  server: Server,
  { host, port, optional = false }: ListenAddress,
  all: readonly ListenAddress[],
): Promise<AddressInfo | undefined> {
  // `::` takes IPv4 too, unless the list has an entry of its own for that.
  const ipv6Only = host === '::' && all.some((other) => other.host === '0.0.0.0' && other.port === port);
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const absent = error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT';
      if (optional && absent) resolve(undefined);
      else
        reject(
          new Error(explain(error, host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`), { cause: error }),
        );
    });
    server.listen({ host, port, ipv6Only }, () => {
      server.removeAllListeners('error');
      server.on('error', () => {}); // e.g. too many open files while accepting: the next connection may do
      resolve(server.address() as AddressInfo); // it listens on TCP, so this is no path and not null
    });
  });
}

function explain(error: NodeJS.ErrnoException, address: string): string {
  if (error.code === 'EADDRINUSE') {
    return `admin: ${address} is in use by another process; free it or change \`admin\` in proxy.yaml`;
  }
  if (error.code === 'EACCES') return `admin: no permission to listen on ${address}; choose a port above 1023`;
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') {
    return `admin: this machine does not have the address ${address}; change \`admin\` in proxy.yaml`;
  }
  return `admin: cannot listen on ${address}: ${error.message}`;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_DEADLINE_MS);
    // It closes idle connections by itself.
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
