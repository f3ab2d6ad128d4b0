/** What else Sluice speaks to: a TLS upstream that asks for a certificate, a CONNECT proxy, a collector, a Redis seen from its wire. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import type { Scope } from '../support/close-after.ts';
import { type Certificate, selfSignedCertificate } from '../support/self-signed-certificate.ts';
import type { Captures } from './captures.ts';

/** A server that can be closed and opened again on its port. */
export interface Neighbour {
  readonly port: number;
  close(): Promise<void>;
  open(): Promise<void>;
}

/** A TLS upstream; it answers with JSON, and its connections fail while it shows a certificate that nobody trusts. */
export interface TlsUpstream extends Neighbour {
  /** Handshakes in which the client proved that it holds its private key. */
  readonly proofs: number;
  showCertificate(which: 'trusted' | 'unknown'): void;
}

/** Starts it: `own` is its certificate, `client` the one that it asks for. */
export async function startTlsUpstream(
  t: Scope,
  captures: Captures,
  own: Certificate,
  client: Certificate,
): Promise<TlsUpstream> {
  let proofs = 0;
  const server: TlsServer = createTlsServer({ ...own, ca: client.cert, requestCert: true }, (request, response) => {
    const head = [request.method, request.url, ...request.rawHeaders].join('\n');
    request.on('data', (bytes: Buffer) => captures.add('upstream:mtls', bytes));
    request.on('end', () => {
      captures.add('upstream:mtls', `${head}\n`);
      response.setHeader('x-fake-upstream', 'mtls').end('{}');
    });
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.authorized) proofs++;
  });
  const neighbour = await neighbourOf(t, server);
  const unknown = selfSignedCertificate();
  return {
    ...neighbour,
    get proofs() {
      return proofs;
    },
    showCertificate(which) {
      server.setSecureContext({ ...(which === 'trusted' ? own : unknown), ca: client.cert });
      server.closeAllConnections();
    },
  };
}

/** A CONNECT proxy that leads everything to one port. */
export function startEgressProxy(t: Scope, captures: Captures, target: number): Promise<Neighbour> {
  const server = createServer();
  server.on('connect', (request, socket, head) => {
    captures.add('egress proxy', `${request.url}\n${request.rawHeaders.join('\n')}\n`);
    const through = connect(target, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      if (head.length > 0) through.write(head);
      relay(socket as Socket, through, (bytes) => captures.add('egress proxy', bytes));
    });
    through.on('error', () => socket.destroy());
    socket.on('error', () => through.destroy());
  });
  return neighbourOf(t, server);
}

/** An OTLP/HTTP collector that keeps what it gets as bytes. */
export function startCollector(t: Scope, captures: Captures, statusOf: () => number): Promise<Neighbour> {
  const server = createServer((request, response) => {
    captures.add('collector headers', `${request.url}\n${request.rawHeaders.join('\n')}\n`);
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      captures.add('spans', request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
      response.writeHead(statusOf(), { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  return neighbourOf(t, server);
}

/** An issuer of tokens that publishes these keys. */
export function startKeySet(t: Scope, captures: Captures, keys: readonly object[]): Promise<Neighbour> {
  const server = createServer((request, response) => {
    captures.add('jwks', `${request.url}\n${request.rawHeaders.join('\n')}\n`);
    response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys }));
  });
  return neighbourOf(t, server);
}

/** A way to a Redis on which everything that is sent to it can be seen. */
export function startRedisWire(t: Scope, captures: Captures, port: number): Promise<Neighbour> {
  const server = createTcpServer((socket) => {
    const through = connect(port, '127.0.0.1');
    relay(socket, through, (bytes) => captures.add('redis', bytes));
  });
  return neighbourOf(t, server);
}

function relay(socket: Socket, through: Socket, see: (bytes: Buffer) => void): void {
  socket.on('data', see);
  socket.pipe(through).pipe(socket);
  for (const [one, other] of [
    [socket, through],
    [through, socket],
  ] as const) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
}

async function neighbourOf(
  t: Scope,
  server: Server | TlsServer | ReturnType<typeof createTcpServer>,
): Promise<Neighbour> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const close = async () => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo; // it listens on TCP
  t.after(close);
  return { port, close, open: () => listen(port) };
}
