/** What must reach the upstream for a request target; written apart from the code under test. */

/** The path below `route` with its query, or undefined when the request must not go on. */
export function expectedTarget(raw: string, route: string): string | undefined {
  const origin = raw.replace(/^https?:\/\/[^/?#]+(?=[/?#]|$)/i, '');
  if (origin === raw && !raw.startsWith('/')) return undefined;
  const [whole = ''] = origin.split('#', 1);
  const mark = whole.indexOf('?');
  const sent = mark < 0 ? whole : whole.slice(0, mark);
  const path = resolve(sent === '' ? '/' : sent);
  if (path !== route && !path.startsWith(`${route}/`)) return undefined;
  return (path.slice(route.length) || '/') + withoutKey(mark < 0 ? '' : whole.slice(mark));
}

/** RFC 3986 §5.2.4, one dot segment at a time. */
function resolve(path: string): string {
  let rest = path.replaceAll(/(?<=\/)(?:\.|%2e){1,2}(?=\/|$)/gi, (dots) => dots.replaceAll(/%2e/gi, '.'));
  for (;;) {
    const found = /\/\.\.?(?=\/|$)/.exec(rest);
    if (found === null) return rest;
    const before = rest.slice(0, found.index);
    const after = rest.slice(found.index + found[0].length) || '/';
    rest = (found[0] === '/..' ? before.slice(0, Math.max(0, before.lastIndexOf('/'))) : before) + after;
  }
}

/** The route strips credentials, of which `key` is the one in a query. */
function withoutKey(query: string): string {
  const pairs = query.slice(1).split('&');
  const kept = pairs.filter((pair) => !/^(?:k|%[46]b)(?:e|%[46]5)(?:y|%[57]9)$/i.test(pair.split('=', 1)[0] ?? ''));
  if (kept.length === pairs.length) return query;
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}
