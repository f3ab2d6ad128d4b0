/**
 * The request target (RFC 9112 §3.2). Dot segments are resolved once (RFC 3986 §5.2.4, percent-encoded dots too, since
 * upstreams decode them); every other byte goes on as it came, and policies match on exactly what is sent.
 */
import { holds } from './holds.ts';
import { percentDecoded } from './percent-decoded.ts';

/** A request target split in two. */
export interface Target {
  readonly path: string;
  /** With its `?`, or empty. */
  readonly query: string;
  /** Whether there were dot segments to resolve. */
  readonly resolved: boolean;
}

const dotSegment = /(?:^|[/\\])(?:\.|%2e){1,2}(?:[/\\]|$)/i;
/** What could split a request line, or be read in two ways: controls, space, DEL, anything beyond latin1. */
const illegal = /[^\x21-\x7e\x80-\xff]/;

/**
 * Splits and normalises a request target. Accepts origin-form and absolute-form (whose authority overrides Host and is
 * of no interest to a proxy with fixed upstreams). Undefined when it is neither, or climbs above the root.
 */
export function parseTarget(raw: string): Target | undefined {
  let rest = raw;
  if (!rest.startsWith('/')) {
    const absolute = /^https?:\/\/[^/?#]+/i.exec(rest);
    if (absolute === null) return undefined;
    rest = rest.slice(absolute[0].length);
    if (!rest.startsWith('/')) rest = `/${rest}`;
  }
  if (illegal.test(rest)) return undefined;
  const hash = rest.indexOf('#');
  if (hash >= 0) rest = rest.slice(0, hash);
  const mark = rest.indexOf('?');
  const path = mark < 0 ? rest : rest.slice(0, mark);
  const query = mark < 0 ? '' : rest.slice(mark);
  if (path.includes('\\')) return undefined;
  if (!dotSegment.test(path)) return { path, query, resolved: false };
  const resolved = removeDotSegments(path);
  return resolved === undefined ? undefined : { path: resolved, query, resolved: true };
}

function removeDotSegments(path: string): string | undefined {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [i, segment] of segments.entries()) {
    const dots = segment.replaceAll(/%2e/gi, '.');
    const last = i === segments.length - 1;
    if (dots === '.') {
      if (last) kept.push('');
    } else if (dots === '..') {
      if (kept.pop() === undefined) return undefined;
      if (last) kept.push('');
    } else {
      kept.push(segment);
    }
  }
  return `/${kept.join('/')}`;
}

/** The query without the pairs that hold a text, percent-encoded or not. */
export function withoutHolding(query: string, text: string): string {
  if (!holds(query, text)) return query;
  const kept = query
    .slice(1)
    .split('&')
    .filter((pair) => !holds(pair, text));
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** Names of query parameters that carry a key: `key` of Gemini, and what else clients and gateways call it. */
const keyNames = new Set(['key', 'api_key', 'api-key', 'apikey', 'access_token']);

/** Removes credentials from a query and keeps every other byte. */
export function stripQueryKey(query: string): string {
  // A name may be written with any of its characters percent-encoded.
  if (!/key|token|%/i.test(query)) return query;
  const kept = query
    .slice(1)
    .split('&')
    .filter((pair) => {
      const name = pair.split('=', 1)[0] ?? '';
      return !keyNames.has(percentDecoded(name.replaceAll('+', ' ')).toLowerCase());
    });
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}
