/** The admin server: health, metrics and status on a port of their own. It only reads. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ListenAddress, listenOnAll } from '../http/listen.ts';
import type { Log } from '../telemetry/log.ts';
import { type AdminMetrics, type AdminState, createResponder } from './endpoints.ts';

export type { AdminMetrics, AdminState, CheckState } from './endpoints.ts';

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
      const made = await listenOnAll(options.addresses, create, 'admin');
      servers.push(...made.servers);
      return made.bound;
    },
    async close() {
      await Promise.all(servers.splice(0).map(closeServer));
    },
  };
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
