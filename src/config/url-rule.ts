/** What a URL in the configuration may look like. */

/** The rule of one place. */
export interface UrlRule {
  /** Allowed schemes, e.g. `https`. */
  readonly schemes: readonly string[];
  /** Whether an empty text is allowed, which means: none. */
  readonly empty?: boolean;
  /** Whether user and password may stand in it. */
  readonly credentials?: boolean;
  /** Whether more than scheme, host and port may follow: a path, or a path and a query. None by default. */
  readonly rest?: 'path' | 'query';
  /** Whether it is replaced by its one spelling, see {@link normalizeUrl}; else it stays as written. */
  readonly normalize?: boolean;
}

/** URL of an upstream: http or https, a path, no credentials, no query. */
export const upstreamRule: UrlRule = { schemes: ['http', 'https'], rest: 'path', normalize: true };

/** `an http:// or https:// URL`. */
export function describeUrl({ schemes, empty }: UrlRule): string {
  const names = schemes.map((scheme) => `${scheme}://`).join(' or ');
  return `${names.startsWith('http') ? 'an' : 'a'} ${names} URL${empty === true ? ' or empty' : ''}`;
}

/** The fault of a text, without any part of it (it may hold a password); undefined when it is right. */
export function urlFault(text: string, rule: UrlRule): string | undefined {
  if (text === '') return rule.empty === true ? undefined : 'it is empty';
  // What WHATWG URLs silently repair (spaces, line ends, backslashes, a missing //) is a mistake in a configuration.
  if (/[\s\\\p{Cc}]/u.test(text)) return 'it has a space, a backslash or a control character in it';
  const scheme = /^([a-z][a-z0-9+.-]*):\/\/(?=[^/])/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return 'it needs a scheme and a host';
  if (!rule.schemes.includes(scheme)) return 'its scheme is another one';
  const url = URL.parse(text);
  // A host of dots, or with two in a row, is none, whatever WHATWG URLs make of it.
  if (url === null || url.hostname === '' || /^\.|\.\./.test(url.hostname)) return 'its host or port is not valid';
  if (url.port === '0') return 'its port is 0';
  if (rule.credentials !== true && (url.username !== '' || url.password !== '')) {
    return 'it holds a user name or password, which belong elsewhere';
  }
  if (text.includes('#')) return 'it has a fragment (#…)';
  if (rule.rest !== 'query' && text.includes('?')) return 'it has a query (?…)';
  if (rule.rest === undefined && url.pathname !== '/' && url.pathname !== '') return 'it has a path';
  return undefined;
}

/** One spelling of an upstream's URL: as WHATWG URLs spell it, without a slash at the end. */
export function normalizeUrl(text: string): string {
  const url = new URL(text);
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
