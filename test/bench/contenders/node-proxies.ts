/**
 * Bare proxies in Node, as a process of its own: `node proxy.cjs KIND UPSTREAM`, bundled. Says its port on stdout. They do
 * nothing but forward: no policies, no logs, no metrics.
 */
import { Agent, createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import { ProxyServer } from 'http-proxy-3';
import { type Dispatcher, Pool } from 'undici';

const [kind = '', upstream = ''] = process.argv.slice(2);
const target = new URL(upstream);

/** http-proxy-3 with its own pass, keep-alive to the upstream. */
function httpProxy3(): Server {
  const agent = new Agent({ keepAlive: true });
  const proxy = new ProxyServer({ target, agent });
  proxy.on('error', (_error, _req, res) => res.destroy());
  // Else the head of a stream would wait for its first event.
  proxy.on('proxyRes', (_answer, _req, res) => res.flushHeaders());
  return createHttpServer({ noDelay: true }, (req, res) => proxy.web(req, res));
}

/** http-proxy-3 with a pass in front that speaks through undici: the core of Sluice and nothing else of it. */
function undiciPass(): Server {
  const pool = new Pool(target.origin, { allowH2: false, headersTimeout: 0, bodyTimeout: 0 });
  const pass = (req: IncomingMessage, res: ServerResponse): true => {
    const options = {
      path: req.url ?? '/',
      method: req.method as Dispatcher.HttpMethod,
      headers: withoutHopByHop(req.rawHeaders),
      body: req,
    };
    pool.dispatch(options, new Handler(res));
    return true;
  };
  const proxy = new ProxyServer({ target });
  proxy.on('error', () => undefined);
  proxy.before('web', 'deleteLength', pass);
  return createHttpServer({ noDelay: true }, (req, res) => proxy.web(req, res));
}

class Handler implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse;

  constructor(res: ServerResponse) {
    this.#res = res;
  }
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#res.on('close', () => {
      if (!this.#res.writableFinished) controller.abort(new Error('the client has left'));
    });
  }
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const raw = (controller.rawHeaders ?? []) as Buffer[];
    this.#res.writeHead(status, withoutHopByHop(raw.map((item) => item.toString('latin1'))));
    process.nextTick(flush, this.#res);
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#res.write(chunk)) return;
    controller.pause();
    this.#res.once('drain', () => controller.resume());
  }
  onResponseEnd(): void {
    this.#res.end();
  }
  onResponseError(): void {
    this.#res.destroy();
  }
}

function flush(res: ServerResponse): void {
  if (!res.writableEnded) res.flushHeaders();
}

function withoutHopByHop(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (!/^(?:connection|keep-alive|transfer-encoding|host|expect)$/i.test(name)) kept.push(name, raw[i + 1] as string);
  }
  return kept;
}

/** Bytes from one socket to the other. */
function tcpRelay(): Server {
  return createTcpServer({ noDelay: true }, (client) => {
    const server = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
    client.pipe(server).pipe(client);
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    client.on('close', () => server.destroy());
  });
}

const make = { 'http-proxy-3': httpProxy3, 'undici-pass': undiciPass, 'tcp-relay': tcpRelay }[kind];
if (make === undefined) throw new Error(`unknown proxy ${kind}`);
const server = make();
server.listen(0, '127.0.0.1', 16_384, () => console.log(`port ${(server.address() as AddressInfo).port}`));
