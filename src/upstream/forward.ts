/**
 * The forwarder: http-proxy-3 is the proxy core, `proxy.web` for HTTP and `proxy.ws` for upgrades. Its own HTTP passes are
 * not used: a pass of ours stands in front of `deleteLength` (which rewrites framing) and ends the list, and speaks to the
 * upstream by our own HTTP/1.1 client. This is the only file that imports http-proxy-3.
 */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ProxyServer, type ServerOptions } from 'http-proxy-3';
import type { OutgoingMessage, UpstreamAttempt } from './attempt.ts';
import type { HandshakeConnection, Upstream } from './upstream.ts';

/** What our pass finds among http-proxy-3's options. */
interface PassOptions extends ServerOptions {
  readonly attempt?: UpstreamAttempt;
  readonly message?: OutgoingMessage;
  readonly handshake?: Handshake;
}

/** One WebSocket handshake on its way upstream. */
export interface Handshake {
  readonly runtime: Upstream;
  readonly connection: HandshakeConnection;
  /** Called with the request before it is sent. */
  started(request: ClientRequest): void;
  /** Called when the request or the upstream's socket fails. */
  failed(error: Error): void;
}

/** See the module. */
export class Forwarder {
  readonly #proxy: ProxyServer;

  constructor() {
    this.#proxy = new ProxyServer({});
    // Errors of `web` end in the attempt, those of `ws` in its callback; an unheard `error` would throw.
    this.#proxy.on('error', () => undefined);
    this.#proxy.before('web', 'deleteLength', pass);
    this.#proxy.on('proxyReqWs', (request, _req, _socket, options: PassOptions) => options.handshake?.started(request));
  }

  /** Sends an attempt. Synchronous up to and through the pass. */
  web(req: IncomingMessage, res: ServerResponse, attempt: UpstreamAttempt, message: OutgoingMessage): void {
    const options: PassOptions = { target: attempt.runtime.target, attempt, message };
    this.#proxy.web(req, res, options);
  }

  /** Sends a WebSocket handshake; `req.url` and `req.headers` are what goes upstream. */
  ws(req: IncomingMessage, socket: Duplex, handshake: Handshake): void {
    const options: PassOptions = {
      target: handshake.runtime.target,
      agent: handshake.connection.agent,
      changeOrigin: true,
      toProxy: true,
      handshake,
    };
    this.#proxy.ws(req, socket as never, noHead, options, (error) => handshake.failed(error));
  }
}

const noHead = Buffer.alloc(0);

/** Ends http-proxy-3's list of passes: a truthy return says that the request has been taken care of. */
function pass(_req: IncomingMessage, _res: ServerResponse, options: PassOptions): true {
  if (options.attempt !== undefined && options.message !== undefined) options.attempt.send(options.message);
  return true;
}
