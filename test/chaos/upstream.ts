/** The fake upstream: a bare TCP server, on several listeners of one port. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Board } from './exchange.ts';
import { UpstreamConnection } from './upstream-connection.ts';

/** A listening fake. */
export interface ChaosUpstream {
  readonly url: string;
  /** Connections that are open. */
  readonly open: number;
  /** Of each open connection, what was played on it last. */
  whatIsOpen(): string[];
  /** Ends connections on which nothing is under way. */
  endIdle(): void;
  close(): Promise<void>;
}

/** How it takes connections. */
export interface UpstreamOptions {
  /** Reads nothing of a new connection for so long. */
  readonly acceptDelayMs?: number;
  /** Closes every connection at once. */
  readonly hangUp?: boolean;
}

let connections = 0;
/** On one port: Node accepts one connection of each listener in a turn of its loop. */
const listeners = 6;

/** Starts one on a free port. */
export async function startChaosUpstream(board: Board, options: UpstreamOptions = {}): Promise<ChaosUpstream> {
  const live = new Set<UpstreamConnection>();
  const accept = (socket: Socket) => {
    socket.on('error', () => undefined);
    if (options.hangUp === true) {
      if (connections++ % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
      return;
    }
    const connection = new UpstreamConnection(board, socket, connections++);
    live.add(connection);
    socket.once('close', () => live.delete(connection));
    if (options.acceptDelayMs === undefined) return;
    socket.pause();
    setTimeout(() => socket.resume(), options.acceptDelayMs);
  };
  const servers: Server[] = [];
  let port = 0;
  for (let i = 0; i < listeners; i++) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
    server.listen({ host: '127.0.0.1', port, backlog: 4096, reusePort: true });
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    servers.push(server);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    get open() {
      return live.size;
    },
    whatIsOpen: () => [...live].map((connection) => connection.toString()),
    endIdle() {
      for (const connection of live) if (connection.idle) connection.socket.end();
    },
    async close() {
      for (const { socket } of live) socket.destroy();
      for (const server of servers) server.close();
      await Promise.all(servers.map((server) => once(server, 'close')));
    },
  };
}
