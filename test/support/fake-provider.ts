import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Arrivals } from './arrivals.ts';
import { closeAfter, type Scope } from './close-after.ts';
import { errorOf, type ProviderAnswers, responseTo } from './provider-endpoints.ts';
import { RecordedRequest } from './recorded-request.ts';
import type { AnswerUsage } from './wire/answer.ts';

export { RecordedRequest } from './recorded-request.ts';

/** An answer instead of the usual one. Without a body it is the provider's own error shape for that status. */
export interface ProviderOverride {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer | object;
  /** The message of the error shape. */
  readonly message?: string;
}

/** How the fake provider answers. */
export interface ProviderOptions {
  readonly t?: Scope;
  /** The pieces of the answer, one streamed event each. */
  readonly tokens?: readonly string[];
  readonly usage?: Partial<AnswerUsage>;
  /** Milliseconds between two events; 0 by default. */
  readonly gapMs?: number;
  /** Awaited before each event, so that a test decides when the next one is sent; not asked again once the client left. */
  readonly gate?: (event: { readonly index: number; readonly request: RecordedRequest }) => unknown;
  /** When given, only these keys are accepted (401 in the provider's shape). Anthropic's and Gemini's always need one. */
  readonly keys?: readonly string[];
  /** Looked at for each request whose body is whole; undefined answers as usual. */
  readonly override?: (request: RecordedRequest) => ProviderOverride | undefined;
  /** Takes the response over as soon as the head is there when it returns true. */
  readonly handle?: (request: RecordedRequest, message: IncomingMessage, response: ServerResponse) => boolean;
  /** Speak TLS with this PEM certificate; see `selfSignedCertificate`. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string; readonly requestCert?: boolean };
}

/** A provider that is listening. */
export interface Provider {
  /** Without a slash at its end, e.g. `http://127.0.0.1:41001`. */
  readonly url: string;
  readonly port: number;
  /** Every request in order of arrival. */
  readonly requests: RecordedRequest[];
  /** Connections accepted so far, and how many are open. */
  readonly connections: number;
  readonly open: number;
  /** Answers the next `times` requests in another way. */
  overrideNext(override: ProviderOverride, times?: number): void;
  /** The next request not yet asked for, its body whole. */
  nextRequest(): Promise<RecordedRequest>;
  /** The same once its head is there, for tests that stop in the middle of an upload. Use one of the two. */
  nextHead(): Promise<RecordedRequest>;
  close(): Promise<void>;
}

/**
 * Starts a server on 127.0.0.1 and a free port that speaks like OpenAI, Anthropic, Gemini and Ollama, told apart by
 * the end of the path. `/echo` answers with the request's own body.
 */
export async function startProvider(options: ProviderOptions = {}): Promise<Provider> {
  const requests: RecordedRequest[] = [];
  const heads = new Arrivals<RecordedRequest>();
  const wholes = new Arrivals<RecordedRequest>();
  const overrides: ProviderOverride[] = [];
  const listener: RequestListener = (message, response) => {
    const request = new RecordedRequest(message, response);
    const number = requests.push(request);
    heads.push(request);
    if (options.handle?.(request, message, response) === true) return;
    request.received
      .then(() => {
        wholes.push(request);
        return answer(request, response, options, overrides.shift() ?? options.override?.(request), number);
      })
      // The client left in the middle of its upload or of the answer: the record says so.
      .catch(() => response.destroy());
  };
  const server: Server =
    options.tls === undefined ? createServer(listener) : createTlsServer({ ...options.tls }, listener);
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  closeAfter(options.t, close);
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    overrideNext: (override, times = 1) => {
      for (let i = 0; i < times; i++) overrides.push(override);
    },
    nextRequest: () => wholes.next(),
    nextHead: () => heads.next(),
    close,
  };
}

async function answer(
  request: RecordedRequest,
  response: ServerResponse,
  options: ProviderOptions,
  override: ProviderOverride | undefined,
  number: number,
): Promise<void> {
  if (override !== undefined) {
    const body = override.body ?? errorOf(request, override.status, override.message ?? 'an error made by the test');
    return sendWhole(request, response, { status: override.status, body }, override.headers);
  }
  const answers: ProviderAnswers = {
    id: String(number),
    tokens: options.tokens ?? ['Hello', ' from', ' the', ' fake', ' provider', '.'],
    usage: options.usage ?? {},
    keys: options.keys,
  };
  const { headers, reply } = responseTo(request, answers);
  if (reply.kind !== 'stream') return sendWhole(request, response, reply, headers);
  response.writeHead(200, { ...headers, 'content-type': reply.contentType, 'cache-control': 'no-cache' });
  response.flushHeaders();
  if (request.signal.aborted) return;
  const left = new Promise<void>((resolve) => request.signal.addEventListener('abort', () => resolve()));
  for (const [index, event] of reply.events.entries()) {
    if (options.gapMs !== undefined && index > 0) await wait(options.gapMs, undefined, { signal: request.signal });
    if (options.gate !== undefined) await Promise.race([options.gate({ index, request }), left]);
    if (request.signal.aborted) return;
    const bytes = Buffer.from(event);
    request.sent.push({ bytes, at: performance.now() });
    if (!response.write(bytes)) await Promise.race([once(response, 'drain'), left]);
  }
  response.end();
}

function sendWhole(
  request: RecordedRequest,
  response: ServerResponse,
  { status = 200, body }: { readonly status?: number; readonly body: string | Buffer | object },
  headers: ProviderOverride['headers'] = {},
): void {
  const raw = typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(raw ? body : JSON.stringify(body));
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (!raw && !response.hasHeader('content-type')) response.setHeader('content-type', 'application/json');
  if (!response.hasHeader('transfer-encoding')) response.setHeader('content-length', bytes.length);
  request.sent.push({ bytes, at: performance.now() });
  response.writeHead(status);
  response.end(bytes);
}
