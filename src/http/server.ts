/** The listeners of the data port. Whatever comes in (HTTP, Expect, upgrade, CONNECT, garbage) is answered here, by one pipeline. */
import { createServer, type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { catalogue, type ProblemCode, problem } from '../errors.ts';
import type { Forwarder } from '../upstream/forward.ts';
import { arrive, type Refused } from './arrive.ts';
import { ClientResponse } from './client-response.ts';
import type { Core } from './context.ts';
import { HttpExchange } from './exchange.ts';
import { type ListenAddress, listenOnAll } from './listen.ts';
import { renderReply } from './reply.ts';
import { UpgradeExchange } from './upgrade.ts';

/** One or more listeners over one pipeline. */
export class ProxyServer {
  readonly #core: Core;
  readonly #forwarder: Forwarder;
  readonly #maxHeaderSize: number;
  readonly #servers: Server[] = [];
  readonly #upgraded = new Set<Duplex>();

  constructor(core: Core, forwarder: Forwarder, maxHeaderSize: number) {
    this.#core = core;
    this.#forwarder = forwarder;
    this.#maxHeaderSize = maxHeaderSize;
  }

  /** Listens on every address; on a failure none is left open. Rejects with an error that says what to do. */
  async listen(addresses: readonly ListenAddress[]): Promise<AddressInfo[]> {
    const { servers, bound } = await listenOnAll(addresses, () => this.#createServer(), 'listen');
    this.#servers.push(...servers);
    return bound;
  }

  /** Stops listening and closes every connection. */
  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of this.#servers) server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
    await Promise.all(closed);
    this.#servers.length = 0;
  }

  #createServer(): Server {
    const server = createServer({
      maxHeaderSize: this.#maxHeaderSize,
      // Only WebSocket is upgraded; any other Upgrade is ignored, as RFC 9110 §7.8 allows, and served as plain HTTP.
      shouldUpgradeCallback: (req: IncomingMessage) => req.headers.upgrade?.toLowerCase() === 'websocket',
      noDelay: true,
      connectionsCheckingInterval: 5_000,
    });
    // A tick later a small body, which came in the same read, lies ready: it is sent on whole and can be replayed.
    server.on('request', (req, res) => process.nextTick(onRequest, this, req, res, false));
    server.on('checkContinue', (req, res) => process.nextTick(onRequest, this, req, res, true));
    server.on('checkExpectation', (req, res) => {
      this.#refuse(req, res, { refusal: problem('expectation_failed'), id: 'none', clientIp: peerOf(req) });
    });
    server.on('upgrade', (req, socket, head) => this.#upgrade(req, socket as Socket, head));
    server.on('connection', (socket) => {
      this.#core.observer.connection(1);
      socket.once('close', () => this.#core.observer.connection(-1));
    });
    server.on('connect', (_req, socket) => refuseRaw(socket, 'method_not_allowed'));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseRaw(socket, codeOfParserError(error)));
    return server;
  }

  /** Handles one request. Never throws. */
  request(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const startedAt = performance.now();
    const { live } = this.#core;
    const pipeline = live.lease();
    try {
      const arrival = arrive(req, pipeline, this.#core.via, startedAt, false);
      if (!('refusal' in arrival)) {
        new HttpExchange(this.#core, this.#forwarder, arrival, res, expectsContinue).start();
        return;
      }
      this.#refuse(req, res, arrival);
    } catch (err) {
      this.#core.log.error({ err }, 'a request failed inside Sluice');
      res.destroy();
    }
    live.release(pipeline);
  }

  #upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#upgraded.add(socket);
    socket.once('close', () => this.#upgraded.delete(socket));
    const { live } = this.#core;
    const pipeline = live.lease();
    try {
      const arrival = arrive(req, pipeline, this.#core.via, performance.now(), true);
      if (!('refusal' in arrival)) {
        new UpgradeExchange(this.#core, this.#forwarder, arrival, socket, head).start();
        return;
      }
      socket.on('error', () => undefined);
      const res = new ServerResponse(req);
      res.shouldKeepAlive = false;
      res.assignSocket(socket);
      res.on('finish', () => socket.destroySoon());
      this.#refuse(req, res, arrival);
    } catch (err) {
      this.#core.log.error({ err }, 'an upgrade failed inside Sluice');
      socket.destroy();
    }
    live.release(pipeline);
  }

  #refuse(req: IncomingMessage, res: ServerResponse, { refusal, id, clientIp }: Refused): void {
    const reply = renderReply(refusal, { requestId: id, dialect: 'none', policy: undefined });
    new ClientResponse(res).reply(reply, id);
    this.#core.observer.refused({
      id,
      clientIp,
      method: req.method ?? '',
      path: (req.url ?? '').split('?', 1)[0] ?? '',
      status: reply.status,
      code: refusal.code,
      durationMs: 0,
    });
  }
}

function onRequest(server: ProxyServer, req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
  server.request(req, res, expectsContinue);
}

function peerOf(req: IncomingMessage): string {
  return req.socket.remoteAddress ?? 'unknown';
}

function codeOfParserError(error: NodeJS.ErrnoException): ProblemCode {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return 'bad_request';
}

/** Answers what is no request for the pipeline, on the bare socket, and closes it. */
function refuseRaw(socket: Duplex, code: ProblemCode): void {
  if (!socket.writable || socket.destroyed) {
    socket.destroy();
    return;
  }
  const { status } = catalogue[code];
  const { headers, body } = renderReply(problem(code), { requestId: 'none', dialect: 'none', policy: undefined });
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'connection: close'];
  for (const [name, value] of headers.entries()) lines.push(`${name}: ${value}`);
  socket.on('error', () => undefined);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body.toString()}`, () => socket.destroy());
}
