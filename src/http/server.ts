/** The listeners of the data port. Whatever comes in (HTTP, Expect, upgrade, CONNECT, garbage) is answered here, by one pipeline. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Listener } from '../config/listen.ts';
import type { Config } from '../config/schema.ts';
import { catalogue, type Problem, type ProblemCode, problem } from '../errors.ts';
import type { Forwarder } from '../upstream/forward.ts';
import { arrive, type Refused } from './arrive.ts';
import { ClientConnection, type Waiting } from './client-connection.ts';
import { ClientResponse } from './client-response.ts';
import type { Core } from './context.ts';
import { HttpExchange } from './exchange.ts';
import { respondOn } from './handshake.ts';
import { lingerRefused } from './linger.ts';
import { listenOnAll } from './listen.ts';
import { codeOfParserError, refuseRaw, resetSocket } from './refuse-raw.ts';
import { renderReply } from './reply.ts';
import { newRequestId } from './request-id.ts';
import { announceKeepAlive } from './response-head.ts';
import { UpgradeExchange } from './upgrade.ts';

/** Idle connections are kept for at least so long: clients' pools hold theirs a minute at most. */
const keepAliveMs = 65_000;
/** How often they are looked at, all at once: Node would set a timer for each request, and another one to clear it. */
const lookMs = 5_000;

/** What the server takes from `server` at its start. */
export type ServerLimits = Pick<
  Config['server'],
  'max_header_bytes' | 'header_timeout' | 'request_timeout' | 'max_connections'
>;

/** One or more listeners over one pipeline. */
export class ProxyServer {
  readonly #core: Core;
  readonly #forwarder: Forwarder;
  readonly #limits: ServerLimits;
  readonly #servers: Server[] = [];
  readonly #connections = new Map<Duplex, ClientConnection>();
  #looks: NodeJS.Timeout | undefined;

  constructor(core: Core, forwarder: Forwarder, limits: ServerLimits) {
    this.#core = core;
    this.#forwarder = forwarder;
    this.#limits = limits;
  }

  /** Listens on every address; on a failure none is left open. Rejects with an error that says what to do. */
  async listen(addresses: readonly Listener[]): Promise<AddressInfo[]> {
    const create = ({ trustsTrace }: Listener) => this.#createServer(trustsTrace);
    const { servers, bound } = await listenOnAll(addresses, create, 'listen');
    this.#servers.push(...servers);
    this.#looks ??= setInterval(() => this.#closeIdle(), lookMs).unref();
    return bound;
  }

  /** Stops listening and closes every connection. */
  async close(): Promise<void> {
    clearInterval(this.#looks);
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of this.#servers) server.closeAllConnections();
    // Upgraded ones are not Node's any more.
    for (const socket of this.#connections.keys()) socket.destroy();
    await Promise.all(closed);
    this.#servers.length = 0;
  }

  /** Those that have not brought a request yet are Node's, which waits only so long for a head. */
  #closeIdle(): void {
    for (const [socket, connection] of this.#connections) {
      if (connection.lookIdle((socket as Socket).bytesRead) * lookMs > keepAliveMs) socket.destroy();
    }
  }

  #createServer(trustsTrace: boolean): Server {
    const { max_header_bytes, header_timeout, request_timeout } = this.#limits;
    const timeouts = [header_timeout, request_timeout].filter((ms) => ms > 0);
    const server = createServer({
      maxHeaderSize: max_header_bytes,
      // Refused by us: Node's own answer closes the connection and leaves requests pipelined behind it without an end.
      requireHostHeader: false,
      headersTimeout: request_timeout > 0 ? Math.min(header_timeout, request_timeout) : header_timeout,
      requestTimeout: request_timeout,
      keepAliveTimeout: 0,
      // Only WebSocket is upgraded; any other Upgrade is ignored, as RFC 9110 §7.8 allows, and served as plain HTTP.
      shouldUpgradeCallback: (req: IncomingMessage) => req.headers.upgrade?.toLowerCase() === 'websocket',
      noDelay: true,
      // How exact the two timeouts are.
      connectionsCheckingInterval: Math.max(50, Math.min(5_000, ...timeouts.map((ms) => ms / 4))),
    });
    // Node would drop the lines beyond its own bound in silence; ours refuses them.
    server.maxHeadersCount = 0;
    const taking = (kind: Waiting['kind']) => (req: IncomingMessage, res: ServerResponse) => {
      // Node loses what came in the same read behind an Upgrade that is not taken: what comes next may begin anywhere.
      if (req.headers.upgrade !== undefined) res.shouldKeepAlive = false;
      announceKeepAlive(res, keepAliveMs);
      this.#connections.get(req.socket)?.take({ req, res, kind, trustsTrace });
    };
    server.on('request', taking('plain'));
    server.on('checkContinue', taking('continue'));
    server.on('checkExpectation', taking('expectation'));
    server.on('upgrade', (req, socket, head) => {
      // Its bytes would mix with answers that are still owed on the connection.
      if (this.#connections.get(socket)?.busy === false) this.#upgrade(req, socket as Socket, head, trustsTrace);
      else resetSocket(socket);
    });
    server.on('connect', (_req, socket) => {
      if (this.#connections.get(socket)?.busy === false) this.#refuseRaw(socket, 'method_not_allowed');
      else resetSocket(socket);
    });
    server.on('connection', (socket) => this.#connected(socket));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // Behind a request that is being served, or within a response that was begun, no answer can be told apart.
      const connection = this.#connections.get(socket);
      if (connection?.answerable === true) this.#refuseRaw(socket, codeOfParserError(error), connection.busy);
      // A FIN could look like the end of what was begun.
      else resetSocket(socket);
    });
    return server;
  }

  /** What is no request has a line in the log and is counted all the same, unless an exchange that it breaks has them. */
  #refuseRaw(socket: Duplex, code: ProblemCode, recorded = false): void {
    const clientIp = (socket as Socket).remoteAddress ?? 'unknown';
    const id = refuseRaw(socket, code);
    if (id === undefined || recorded) return;
    const trace = { traceparent: undefined, tracestate: undefined, trusted: false };
    const { status } = catalogue[code];
    this.#core.observer.refused({ id, clientIp, method: '', path: '', status, code, durationMs: 0, trace });
  }

  #connected(socket: Socket): void {
    if (this.#connections.size >= this.#limits.max_connections) {
      this.#refuseRaw(socket, 'overloaded');
      return;
    }
    const connection = new ClientConnection(this, this.#core.held);
    this.#connections.set(socket, connection);
    // Before Node's own listener, which answers a client's FIN with ours.
    socket.prependListener('end', () => {
      if (connection.endsByClosing) resetSocket(socket);
    });
    this.#core.observer.connection(1);
    socket.once('close', () => {
      this.#connections.delete(socket);
      connection.closed();
      this.#core.observer.connection(-1);
    });
  }

  /** Serves one request; its connection calls it when all before it are answered. Never throws. */
  serve(waiting: Waiting): void {
    const { req, res, kind } = waiting;
    // HTTP/1.0 knows no Transfer-Encoding: where that message ends is anybody's guess (RFC 9112 §6.1).
    if (req.httpVersionMinor === 0 && req.headers['transfer-encoding'] !== undefined) res.shouldKeepAlive = false;
    if (kind === 'expectation') this.#refuseEarly(waiting, problem('expectation_failed'));
    else this.#request(waiting);
  }

  /** Too many requests wait on its connection. */
  refuse(waiting: Waiting): void {
    const detail = 'Too many requests are pipelined.';
    this.#refuseEarly(waiting, problem('overloaded', { detail, retryAfterMs: 1000 }));
  }

  #request({ req, res, kind, trustsTrace }: Waiting): void {
    const startedAt = performance.now();
    const { live } = this.#core;
    const pipeline = live.lease();
    try {
      const arrival = arrive(req, pipeline, this.#core.via, startedAt, trustsTrace, false);
      if (!('refusal' in arrival)) {
        new HttpExchange(this.#core, this.#forwarder, arrival, res, kind === 'continue').start();
        return;
      }
      this.#refuse(req, res, arrival, startedAt, trustsTrace);
    } catch (err) {
      this.#core.log.error({ err }, 'a request failed inside Sluice');
      res.destroy();
    }
    live.release(pipeline);
  }

  #upgrade(req: IncomingMessage, socket: Socket, head: Buffer, trustsTrace: boolean): void {
    this.#connections.get(socket)?.upgraded();
    const startedAt = performance.now();
    const { live } = this.#core;
    const pipeline = live.lease();
    try {
      const arrival = arrive(req, pipeline, this.#core.via, startedAt, trustsTrace, true);
      if (!('refusal' in arrival)) {
        new UpgradeExchange(this.#core, this.#forwarder, arrival, socket, head).start();
        return;
      }
      socket.on('error', () => undefined);
      this.#refuse(req, respondOn(req, socket), arrival, startedAt, trustsTrace);
    } catch (err) {
      this.#core.log.error({ err }, 'an upgrade failed inside Sluice');
      socket.destroy();
    }
    live.release(pipeline);
  }

  #refuseEarly({ req, res, trustsTrace }: Waiting, refusal: Problem): void {
    const clientIp = req.socket.remoteAddress ?? 'unknown';
    this.#refuse(req, res, { refusal, id: newRequestId(), clientIp }, performance.now(), trustsTrace);
  }

  #refuse(
    req: IncomingMessage,
    res: ServerResponse,
    { refusal, id, clientIp }: Refused,
    startedAt: number,
    trusted: boolean,
  ): void {
    const reply = renderReply(refusal, { requestId: id, dialect: 'none', policy: undefined });
    const response = new ClientResponse(res);
    // Node would read on whatever comes, for as long as a request may take.
    if (!req.complete) lingerRefused(req, response, this.#core);
    response.reply(reply, id);
    this.#core.observer.refused({
      id,
      clientIp,
      method: req.method ?? '',
      path: (req.url ?? '').split('?', 1)[0] ?? '',
      status: reply.status,
      code: refusal.code,
      durationMs: performance.now() - startedAt,
      trace: { traceparent: fieldOf(req, 'traceparent'), tracestate: fieldOf(req, 'tracestate'), trusted },
    });
  }
}

/** Several lines joined with a comma. */
function fieldOf(req: IncomingMessage, name: string): string | undefined {
  return req.headersDistinct[name]?.join(', ');
}
