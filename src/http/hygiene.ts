/** Which header fields stay behind when a message passes on: hop-by-hop ones, credentials, what identifies players. */
import { problem } from '../errors.ts';
import type { Decision } from '../pipeline/subject.ts';
import { lowerCase } from './header-names.ts';
import { type HeaderLines, HeaderList } from './headers.ts';

/** Fields that belong to one connection (RFC 9110 §7.6.1) and framing that the next hop makes anew. */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];

/** Where clients put provider keys. */
const credentials = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'];

/** What identifies players or the way they came. */
const identifying = [
  'cookie',
  'forwarded',
  'x-real-ip',
  'baggage',
  'true-client-ip',
  'x-client-ip',
  'cf-connecting-ip',
  'client-ip',
  'fastly-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-envoy-external-address',
  'x-azure-clientip',
];

const hopByHopSet = new Set(hopByHop);
const hasKeyInSubprotocol = /api[-_]?key|token|bearer|\bsk-/i;

/** Names (lower case) that a request of this route does not take along; made once per route. */
export function requestStripSet(options: {
  credentials: 'strip' | 'pass';
  forward: readonly string[];
}): ReadonlySet<string> {
  const names = new Set([...hopByHop, ...identifying, 'host', 'expect']);
  if (options.credentials === 'strip') for (const name of credentials) names.add(name);
  for (const name of options.forward) {
    const key = name.toLowerCase();
    if (!hopByHopSet.has(key) && key !== 'host' && key !== 'expect') names.delete(key);
  }
  return names;
}

/** The headers that go on from a client's request: a new list without what `strip` names. */
export function outboundHeaders(
  inbound: HeaderLines,
  strip: ReadonlySet<string>,
  forward: readonly string[],
): HeaderList {
  const out = new HeaderList();
  const listed = connectionListed(inbound);
  for (let i = 0; i < inbound.keys.length; i++) {
    const key = inbound.keys[i] as string;
    if (strip.has(key) || listed?.has(key)) continue;
    if (key.charCodeAt(0) === 120 && key.startsWith('x-forwarded') && !forward.includes(key)) continue;
    out.add(inbound.flat[2 * i] as string, key, inbound.flat[2 * i + 1] as string);
  }
  return out;
}

/** Whether a response is coded for this hop in a way that nobody here undoes: without its name its bytes mean nothing. */
export function hasForeignCoding(raw: readonly (Buffer | string)[]): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i];
    if (name?.length !== 17 || name.toString().toLowerCase() !== 'transfer-encoding') continue;
    if (raw[i + 1]?.toString().trim().toLowerCase() !== 'chunked') return true;
  }
  return false;
}

/** The headers that go to the client from an upstream's response: names and values as read, without hop-by-hop ones. */
export function inboundHeaders(raw: readonly (Buffer | string)[]): HeaderList {
  const out = new HeaderList();
  let connection: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i] as Buffer | string);
    const key = lowerCase(name);
    const value = text(raw[i + 1] as Buffer | string);
    if (key === 'connection') connection = connection === undefined ? value : `${connection}, ${value}`;
    if (!hopByHopSet.has(key)) out.add(name, key, value);
  }
  const listed = listedBy(connection);
  if (listed !== undefined) for (const name of listed) out.delete(name);
  return out;
}

function text(item: Buffer | string): string {
  return typeof item === 'string' ? item : item.toString('latin1');
}

/**
 * Max-Forwards of OPTIONS (RFC 9110 §7.6.2): one hop less goes upstream; a request that has none left is answered here, as
 * the last recipient. Returns that answer, or the refusal of a value that is no number.
 */
export function spendHop(method: string, headers: HeaderList): Decision | undefined {
  if (method !== 'OPTIONS') return undefined;
  const value = headers.get('max-forwards');
  if (value === undefined) return undefined;
  if (!/^\d{1,9}$/.test(value)) {
    return { reply: problem('bad_request', { detail: 'Max-Forwards must be one number.' }), policy: undefined };
  }
  if (Number(value) > 0) {
    headers.set('max-forwards', String(Number(value) - 1));
    return undefined;
  }
  const allow = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
  return { reply: { kind: 'response', status: 204, headers: { allow } }, policy: undefined };
}

/** Removes WebSocket subprotocols that carry keys (`openai-insecure-api-key.sk-…`), as browsers' SDKs send them. */
export function stripKeySubprotocols(headers: HeaderList): void {
  const value = headers.get('sec-websocket-protocol');
  if (value === undefined) return;
  const kept = value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && !hasKeyInSubprotocol.test(item));
  if (kept.length === 0) headers.delete('sec-websocket-protocol');
  else headers.set('sec-websocket-protocol', kept.join(', '));
}

/** Fields named by Connection, which are hop-by-hop too; end-to-end framing and addressing cannot be named away. */
function connectionListed(headers: HeaderLines): ReadonlySet<string> | undefined {
  return listedBy(headers.get('connection'));
}

function listedBy(value: string | undefined): ReadonlySet<string> | undefined {
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined;
  const listed = new Set<string>();
  for (const item of value.split(',')) listed.add(item.trim().toLowerCase());
  listed.delete('content-length');
  listed.delete('content-type');
  listed.delete('content-encoding');
  return listed;
}
