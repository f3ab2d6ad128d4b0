import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Arrivals } from './arrivals.ts';
import { BodyReader } from './body-reader.ts';
import { closeAfter, type Scope } from './close-after.ts';
import { headLength, type MessageHead, parseHead } from './http-message.ts';

/** One request that came in on a raw connection, and the connection to do with as the test likes. */
export interface RawExchange {
  readonly head: MessageHead;
  readonly method: string;
  readonly url: string;
  /** The decoded body once it is whole; rejects when the connection ends before. */
  readonly body: Promise<Buffer>;
  /** Which request of its connection this is, from 0, and which connection of the upstream. */
  readonly index: number;
  readonly connection: number;
  readonly socket: Socket;
  /** Writes bytes (text as latin1) and resolves once the kernel has taken them, or false when the peer has gone. */
  write(bytes: string | Buffer): Promise<boolean>;
  /** Sends FIN. */
  end(): void;
  /** Sends RST. */
  reset(): void;
  /** Resolves when the peer has closed, and says how and when. */
  readonly closed: Promise<{ readonly by: 'fin' | 'reset' | 'local'; readonly at: number }>;
}

/** What plays the upstream: runs once for each request; doing nothing is a stall. */
export type RawScript = (exchange: RawExchange) => void | Promise<void>;

/** A raw upstream that is listening. */
export interface RawUpstream {
  readonly url: string;
  readonly port: number;
  /** Every request handed to the script so far. */
  readonly exchanges: RawExchange[];
  /** All bytes received, for each connection. */
  readonly received: Buffer[][];
  /** Connections accepted so far, and how many are open. */
  readonly connections: number;
  readonly open: number;
  /** The next request not yet asked for. Rejects when a script has thrown. */
  nextExchange(): Promise<RawExchange>;
  close(): Promise<void>;
}

/** How the upstream reads. */
export interface RawUpstreamOptions {
  readonly t?: Scope;
  /** Hand over a request when it is `complete` (default), or already with its `head`. */
  readonly on?: 'complete' | 'head';
  /** 0 by default: any free port. */
  readonly port?: number;
  /** Runs for each connection before a byte of it is read. */
  readonly onConnection?: (socket: Socket) => void;
}

/** Starts a bare TCP server on a free port that leaves every byte of the response to `script`. */
export async function startRawUpstream(script: RawScript, options: RawUpstreamOptions = {}): Promise<RawUpstream> {
  const sockets = new Set<Socket>();
  const exchanges: RawExchange[] = [];
  const received: Buffer[][] = [];
  const arrivals = new Arrivals<RawExchange>();
  const hand = (exchange: RawExchange) => {
    exchanges.push(exchange);
    // A script that throws must not pass for a stall.
    const thrown = (error: unknown) => arrivals.fail(error instanceof Error ? error : new Error(String(error)));
    // Whoever waits for the exchange goes on after the script has written its first bytes.
    Promise.resolve(exchange).then(script).catch(thrown);
    arrivals.push(exchange);
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const bytes: Buffer[] = [];
    const connection = received.push(bytes) - 1;
    socket.on('data', (read) => bytes.push(read));
    options.onConnection?.(socket);
    readRequests(socket, connection, options.on ?? 'complete', hand);
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    if (!server.listening) return;
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  closeAfter(options.t, close);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    exchanges,
    received,
    get connections() {
      return received.length;
    },
    get open() {
      return sockets.size;
    },
    nextExchange: () => arrivals.next(),
    close,
  };
}

function readRequests(
  socket: Socket,
  connection: number,
  on: 'complete' | 'head',
  hand: (x: RawExchange) => void,
): void {
  let rest: Buffer = Buffer.alloc(0);
  let body: BodyReader | undefined;
  let index = 0;
  const closed = closing(socket);
  const onData = (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      if (body === undefined) {
        const end = headLength(rest);
        if (end === -1) return;
        const head = parseHead(rest.subarray(0, end));
        rest = rest.subarray(end);
        body = new BodyReader(head);
        const exchange = makeExchange(head, body.whole, index++, connection, socket, closed);
        if (on === 'head') hand(exchange);
        else body.whole.then(() => hand(exchange)).catch(() => undefined);
      }
      const pushed = rest;
      rest = Buffer.alloc(0);
      try {
        const left: Buffer | undefined = body.push(pushed);
        if (left === undefined) return;
        rest = left;
        body = undefined;
      } catch (error) {
        body?.cut(String(error));
        socket.removeListener('data', onData);
        return;
      }
    }
  };
  socket.on('data', onData);
  closed.then(() => body?.cut()).catch(() => undefined);
}

function makeExchange(
  head: MessageHead,
  body: Promise<Buffer>,
  index: number,
  connection: number,
  socket: Socket,
  closed: RawExchange['closed'],
): RawExchange {
  const [method = '', url = ''] = head.startLine.split(' ');
  const write = (bytes: string | Buffer) =>
    new Promise<boolean>((resolve) => {
      const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
      socket.write(data, (error) => resolve(error == null));
    });
  const end = () => {
    socket.end();
  };
  const reset = () => {
    socket.resetAndDestroy();
  };
  return { head, method, url, body, index, connection, socket, closed, write, end, reset };
}

function closing(socket: Socket): RawExchange['closed'] {
  return new Promise((resolve) => {
    socket.once('end', () => resolve({ by: 'fin', at: performance.now() }));
    socket.once('error', () => resolve({ by: 'reset', at: performance.now() }));
    socket.once('close', () => resolve({ by: 'local', at: performance.now() }));
  });
}
