import { once } from 'node:events';
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { closeAfter, type Scope } from './close-after.ts';

/** A response with nothing hidden. */
export interface Response {
  readonly status: number;
  readonly statusText: string;
  readonly httpVersion: string;
  /** Names in lower case; lines of one name joined as node:http does. */
  readonly headers: IncomingMessage['headers'];
  /** Names and values as sent, alternating. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The body as text. */
  readonly text: string;
  /** The body as JSON; throws with the body's text when it is none. */
  json(): unknown;
}

/** What to send. */
export interface RequestOptions {
  readonly method?: string;
  /** An object, or a flat list of names and values to send exactly these lines (then Host has to be in it). */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | readonly string[];
  /** Sent with Content-Length; an object is sent as JSON. */
  readonly body?: string | Buffer | object;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
  readonly t?: Scope;
}

/** One request over a connection of its own (unless `agent` is given), its response read whole. */
export async function request(url: string, options: RequestOptions = {}): Promise<Response> {
  const { response } = await open(url, options);
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  const body = Buffer.concat(parts);
  return {
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? '',
    httpVersion: response.httpVersion,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    body,
    text: body.toString(),
    json: () => parse(body),
  };
}

/** Sends a request and resolves with the response's head, its body unread; destroyed after the test. */
export async function open(
  url: string,
  options: RequestOptions = {},
): Promise<{ sent: ClientRequest; response: IncomingMessage }> {
  const body = encode(options.body);
  const flat = isFlat(options.headers);
  const sent = httpRequest(url, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    agent: options.agent ?? new Agent({ keepAlive: false }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(flat ? { headers: [...options.headers], setHost: false } : {}),
  });
  closeAfter(options.t, () => sent.destroy());
  if (!flat) {
    for (const [name, value] of Object.entries(options.headers ?? {})) sent.setHeader(name, value);
    if (body !== undefined && !sent.hasHeader('content-length') && !sent.hasHeader('transfer-encoding')) {
      sent.setHeader('content-length', body.length);
    }
    if (typeof options.body === 'object' && !Buffer.isBuffer(options.body) && !sent.hasHeader('content-type')) {
      sent.setHeader('content-type', 'application/json');
    }
  }
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { sent, response };
}

function isFlat(headers: RequestOptions['headers']): headers is readonly string[] {
  return Array.isArray(headers);
}

function encode(body: RequestOptions['body']): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new Error(`not JSON: ${body.toString().slice(0, 500)}`, { cause: error });
  }
}
