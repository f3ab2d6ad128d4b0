/** From a parsed request to an exchange's starting point: what HTTP asks of an intermediary, the route, what goes on. */
import type { IncomingMessage } from 'node:http';
import { type Problem, problem } from '../errors.ts';
import type { Pipeline } from '../pipeline/build.ts';
import type { InboundRequest } from '../policy.ts';
import { scrub } from '../telemetry/redact.ts';
import { clientAddress, peerAddress } from './client-address.ts';
import type { Arrival } from './context.ts';
import { HeaderLines } from './headers.ts';
import { outboundHeaders, stripKeySubprotocols } from './hygiene.ts';
import { newRequestId } from './request-id.ts';
import { parseTarget, stripQueryKey, type Target } from './target.ts';

const validRequestId = /^[\w.:/+=@-]{1,128}$/;
/** A UUID or a number, as nearly all of them are. */
const plainRequestId = /^[\da-f-]{1,36}$/i;

/** An id is in every log line and span and goes upstream: what looks like a key is none. */
function isHarmlessId(given: string): boolean {
  return validRequestId.test(given) && scrub(given) === given;
}

/** A request that cannot be an exchange: no policy sees it and nothing of it is forwarded. */
export interface Refused {
  readonly refusal: Problem;
  readonly id: string;
  readonly clientIp: string;
}

/** Judges a request before any policy does. */
export function arrive(
  req: IncomingMessage,
  pipeline: Pipeline,
  via: string,
  startedAt: number,
  trustsTrace: boolean,
  upgrade: boolean,
): Arrival | Refused {
  const headers = new HeaderLines(req.rawHeaders);
  const method = req.method ?? 'GET';
  const given = headers.get('x-request-id');
  const id = given !== undefined && (plainRequestId.test(given) || isHarmlessId(given)) ? given : newRequestId();
  const peerIp = peerAddress(req.socket.remoteAddress);
  const clientIp = clientAddress(req.socket.remoteAddress, headers.getAll('x-forwarded-for'), pipeline.trusted);
  const refuse = (refusal: Problem): Refused => ({ refusal, id, clientIp });

  const { max_headers, max_url_bytes } = pipeline.config.server;
  if (headers.keys.length > max_headers) return refuse(problem('headers_too_large'));
  if ((req.url ?? '').length > max_url_bytes) return refuse(problem('uri_too_long'));
  if (upgrade && method !== 'GET') {
    return refuse(problem('method_not_allowed', { detail: 'A WebSocket handshake is a GET.' }));
  }
  if (upgrade && handshakeFault(headers, req.httpVersion)) {
    return refuse(problem('bad_request', { detail: 'A WebSocket handshake is HTTP/1.1, has a Host and no body.' }));
  }
  if (method === 'TRACE') return refuse(problem('method_not_allowed', { detail: 'TRACE is not forwarded.' }));
  if (req.httpVersion !== '1.1' && req.httpVersion !== '1.0') {
    return refuse(problem('bad_request', { detail: 'Only HTTP/1.1 and HTTP/1.0 are spoken here.' }));
  }
  const hosts = headers.getAll('host').length;
  if (hosts > 1) return refuse(problem('bad_request', { detail: 'There is more than one Host.' }));
  if (hosts === 0 && req.httpVersion === '1.1') return refuse(problem('bad_request', { detail: 'There is no Host.' }));
  // Node reports a final coding that is not chunked only after it has handed the request over (RFC 9112 §6.3).
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    return refuse(problem('bad_request', { detail: 'The only Transfer-Encoding taken is chunked.' }));
  }
  // Beyond it a number is another one when it is written again: the upstream would be told another length.
  if (Number(headers.get('content-length') ?? 0) > Number.MAX_SAFE_INTEGER) {
    return refuse(problem('body_too_large', { detail: 'No body can be as large as the Content-Length says.' }));
  }
  if (headers.get('via')?.includes(via) === true) {
    return refuse(problem('request_loop', { detail: 'An upstream of this Sluice leads back to it.' }));
  }
  const raw = req.url ?? '/';
  const target = parseTarget(raw);
  if (target === undefined)
    return refuse(problem('invalid_path', { detail: 'The path climbs above the root or is malformed.' }));
  const route = pipeline.routes.match(target.path);
  if (route === undefined) {
    const known = pipeline.routeList.map((one) => one.path).join(', ');
    return refuse(problem('route_not_found', { detail: `No route for this path. Routes: ${known}.` }));
  }
  if (target.resolved && !withinRoute(raw, route.prefix)) {
    return refuse(problem('invalid_path', { detail: 'The path leaves its route by dot segments.' }));
  }

  const outHeaders = outboundHeaders(headers, route.strip, route.forward);
  outHeaders.put('x-request-id', 'x-request-id', id);
  outHeaders.put('via', 'via', viaOf(headers.get('via'), req.httpVersion, via));
  if (!trustsTrace) {
    outHeaders.delete('traceparent');
    outHeaders.delete('tracestate');
  }
  if (upgrade && route.stripsCredentials) stripKeySubprotocols(outHeaders);
  const query = route.stripsCredentials ? stripQueryKey(target.query) : target.query;
  return {
    req,
    pipeline,
    route,
    id,
    startedAt,
    clientIp,
    peerIp,
    trustsTrace,
    inbound: new Inbound(method, target, headers, req.httpVersion, upgrade),
    out: { path: target.path.slice(route.prefix.length) || '/', query, headers: outHeaders },
  };
}

/**
 * What Node checks of requests but not of upgrades: Host (RFC 9112 §3.2). And a body: bytes behind a handshake are
 * WebSocket frames to some and a body to others, so together they could smuggle.
 */
function handshakeFault(headers: HeaderLines, version: string): boolean {
  if (version !== '1.1' || !headers.has('host')) return true;
  return headers.has('transfer-encoding') || /[^0]/.test(headers.get('content-length') ?? '');
}

/** Whether the path, read segment by segment, never climbs out of the route's prefix. */
function withinRoute(raw: string, prefix: string): boolean {
  const path = raw.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0] ?? '';
  if (!path.startsWith(`${prefix}/`)) return false;
  let depth = 0;
  for (const segment of path.slice(prefix.length + 1).split('/')) {
    const dots = segment.replaceAll(/%2e/gi, '.');
    if (dots === '..') depth--;
    else if (dots !== '.') depth++;
    if (depth < 0) return false;
  }
  return true;
}

function viaOf(before: string | undefined, version: string, via: string): string {
  const own = `${version} ${via}`;
  return before === undefined ? own : `${before}, ${own}`;
}

/** What the client sent. Getters only: an assignment by a policy throws. */
class Inbound implements InboundRequest {
  readonly #method: string;
  readonly #target: Target;
  readonly #headers: HeaderLines;
  readonly #version: string;
  readonly #upgrade: boolean;

  constructor(method: string, target: Target, headers: HeaderLines, version: string, upgrade: boolean) {
    this.#method = method;
    this.#target = target;
    this.#headers = headers;
    this.#version = version;
    this.#upgrade = upgrade;
  }
  get method(): string {
    return this.#method;
  }
  get path(): string {
    return this.#target.path;
  }
  get query(): string {
    return this.#target.query;
  }
  get headers(): HeaderLines {
    return this.#headers;
  }
  get httpVersion(): string {
    return this.#version;
  }
  get upgrade(): boolean {
    return this.#upgrade;
  }
}
