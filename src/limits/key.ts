/** Whom a limit counts: the `key` option of limit policies, compiled once and evaluated for each request. */
import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { type Problem, problem } from '../errors.ts';
import { normalizeAddress } from '../http/client-address.ts';
import { parsePlainAddress } from '../http/parse-address.ts';
import type { MaybePromise, RequestContext } from '../policy.ts';

/** What becomes of a request that lacks what a limit counts by. */
export type Missing = 'shared' | 'deny' | 'client_ip';

/** Options of {@link compileKey}. */
export interface KeyOptions {
  /** Names of the parts, e.g. `client_ip` or `header:x-player-id`. */
  readonly parts: readonly string[];
  readonly missing: Missing;
  /** Addresses of IPv6 that share so many first bits are one client. */
  readonly ipv6Prefix: number;
  /** Joins the address of clients on loopback, who else would be one client over all pods. */
  readonly podName: string;
}

/** Thrown for a part that does not exist or is there twice; `index` is its place in the list. */
export class BadKeyPart extends Error {
  readonly index: number;
  constructor(message: string, index: number) {
    super(message);
    this.name = 'BadKeyPart';
    this.index = index;
  }
}

/** The key of one request, or the refusal of a request that lacks a part of it. */
export type KeyOf = (ctx: RequestContext) => MaybePromise<string | Problem>;

/** The value of one part; `model` has been waited for. Undefined when the request lacks it. */
type Part = (ctx: RequestContext, model: string | undefined) => string | undefined;

const KNOWN = 'use client_ip, identity, route, upstream, model, global or header:NAME';

/** Values up to this length are kept as they are, for people who look at keys; longer ones are hashed. */
const MAX_VALUE = 64;

/** Headers whose values are secrets: hashed whatever their length. */
const SECRET = /^(?:proxy-)?authorization$|cookie|(?:api|goog)-?key|token|secret|password/;

/**
 * Compiles the parts. Different combinations of values never give the same key: the kinds and their order are fixed
 * for a limit, and a separator inside a value is escaped. Waits only for `model`. Throws {@link BadKeyPart}.
 */
export function compileKey(options: KeyOptions): KeyOf {
  const parts = options.parts.map((name, index) => ({ name, read: compilePart(name, index, options) }));
  if (parts.length === 0) throw new BadKeyPart(`is empty: ${KNOWN}`, 0);
  const join = (ctx: RequestContext, model: string | undefined): string | Problem => {
    let key = '';
    for (const { name, read } of parts) {
      const part = read(ctx, model) ?? absent(name, ctx, options);
      if (typeof part !== 'string') return part;
      key += key === '' ? escapeSeparator(part) : `|${escapeSeparator(part)}`;
    }
    return key;
  };
  if (!options.parts.includes('model')) return (ctx) => join(ctx, undefined);
  return (ctx) => {
    const model = ctx.model();
    return model instanceof Promise ? model.then((name) => join(ctx, name)) : join(ctx, model);
  };
}

function compilePart(name: string, index: number, options: KeyOptions): Part {
  const same = (part: string) => part.toLowerCase() === name.toLowerCase();
  if (options.parts.findIndex(same) < index) throw new BadKeyPart(`"${name}" is there already`, index);
  switch (name) {
    case 'client_ip':
      return (ctx) => clientKey(ctx.client.ip, options);
    case 'identity':
      return (ctx) => named('identity', ctx.identity, false);
    case 'route':
      return (ctx) => `route:${ctx.route.path}`;
    case 'upstream':
      return (ctx) => `upstream:${ctx.upstream.name}`;
    case 'model':
      return (_, model) => named('model', model, false);
    case 'global':
      return () => 'global';
  }
  // RFC 9110 §5.6.2: a field name is a token.
  const header = /^header:([!#$%&'*+.^_`|~0-9a-z-]{1,64})$/i.exec(name)?.[1]?.toLowerCase();
  if (header === undefined) throw new BadKeyPart(`"${name}" is no key: ${KNOWN}`, index);
  const secret = SECRET.test(header);
  const kind = `header:${header}`;
  return (ctx) => named(kind, ctx.in.headers.get(header), secret);
}

/**
 * For people who ask what somebody has used: the key that a text means, which is the key itself or the values of its
 * parts with `|` between them (an address, an identity, the value of the header). Undefined when it can be none.
 */
export function compileKeyName(options: KeyOptions): (text: string) => string | undefined {
  const { parts } = options;
  return (text) => {
    const values = parts.length === 1 ? [text] : text.split('|');
    if (values.length !== parts.length) return undefined;
    const named = parts.map((part, i) => partNamed(part.toLowerCase(), values[i] ?? '', options));
    return named.includes(undefined) ? undefined : named.join('|');
  };
}

function partNamed(part: string, value: string, options: KeyOptions): string | undefined {
  const kind = part === 'client_ip' ? 'ip' : part;
  // What stands in a key already, the stand-in of an absent part included.
  if ([':', '#', '?', '?ip:'].some((end) => value.startsWith(kind + end)) || value === `${part}?`) return value;
  if (part === 'global') return value === part ? part : undefined;
  if (part === 'client_ip') {
    const address = normalizeAddress(value);
    return address === undefined ? undefined : clientKey(address, options);
  }
  const key = part.startsWith('header:')
    ? named(part, asHeaderValue(value), isSecret(part))
    : named(part, value, false);
  return key === undefined ? undefined : escapeSeparator(key);
}

/** Node reads a header byte by byte, and who asks writes UTF-8, as clients do: `José` comes in as `JosÃ©`. */
function asHeaderValue(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function isSecret(part: string): boolean {
  return SECRET.test(part.slice('header:'.length));
}

/** `kind:value`, or `kind#hash` where the value is long or secret: the two can never be equal. */
function named(kind: string, value: string | undefined, secret: boolean): string | undefined {
  if (value === undefined || value === '') return undefined;
  if (!secret && value.length <= MAX_VALUE) return `${kind}:${value}`;
  return `${kind}#${createHash('sha256').update(value).digest('base64url').slice(0, 32)}`;
}

/** Stands for a part that the request lacks; neither form can be the key of a request that has it. */
function absent(name: string, ctx: RequestContext, options: KeyOptions): string | Problem {
  if (options.missing === 'shared') return `${name.toLowerCase()}?`;
  if (options.missing === 'client_ip') return `${name.toLowerCase()}?${clientKey(ctx.client.ip, options)}`;
  const what = name.startsWith('header:') ? `the header ${name.slice('header:'.length)}` : `${article(name)} ${name}`;
  return problem('bad_request', { detail: `This request must carry ${what}: a limit counts by it.` });
}

function article(name: string): string {
  return /^[aeiou]/.test(name) ? 'an' : 'a';
}

/** The client by address: IPv6 by its prefix, an IPv4-mapped address as IPv4, loopback as its pod. */
export function clientKey(ip: string, options: Pick<KeyOptions, 'ipv6Prefix' | 'podName'>): string {
  // The address comes normalised, so without a colon it is IPv4: nothing to parse.
  if (!ip.includes(':')) return ip.startsWith('127.') ? `ip:loopback@${options.podName}` : `ip:${ip}`;
  // A zone (fe80::1%eth0) is a matter of the machine, not of the client.
  const address = parsePlainAddress(ip.split('%', 1)[0] ?? ip);
  if (address === undefined) return named('ip', ip, false) ?? 'ip?';
  if (address.range() === 'loopback') return `ip:loopback@${options.podName}`;
  if (address.kind() === 'ipv4') return `ip:${address.toString()}`;
  const bytes = address.toByteArray();
  for (let i = 0; i < bytes.length; i++) {
    const kept = Math.min(8, Math.max(0, options.ipv6Prefix - i * 8));
    bytes[i] = (bytes[i] ?? 0) & (0xff << (8 - kept)) & 0xff;
  }
  return `ip:${ipaddr.fromByteArray(bytes).toString()}/${options.ipv6Prefix}`;
}

function escapeSeparator(part: string): string {
  return part.includes('|') || part.includes('%') ? part.replace(/[%|]/g, encodeURIComponent) : part;
}
