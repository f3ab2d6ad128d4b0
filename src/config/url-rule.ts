/** What a URL in the configuration may look like. */

/** The rule of one place. */
export interface UrlRule {
  /** Allowed schemes, e.g. `https`. */
  readonly schemes: readonly string[];
  /** Whether several hosts may stand in it, with commas between them. */
  readonly lists?: boolean;
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
  const names = schemes.map((scheme) => `${scheme}://`).join(schemes.length > 2 ? ', ' : ' or ');
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
  // A host of dots, or with two in a row, is none, whatever WHATWG URLs make of it.
  // Each host of a list makes a URL of its own; what else is asked is the same for all of them.
  const urls = rule.lists === true ? split(text) : [URL.parse(text)];
  if (urls.some((one) => one === null || one.hostname === '' || /^\.|\.\./.test(one.hostname)))
    return 'its host or port is not valid';
  if (urls.some((one) => one?.port === '0')) return 'its port is 0';
  const url = urls[0] as URL;
  if (rule.credentials !== true && (url.username !== '' || url.password !== '')) {
    return 'it holds a user name or password, which belong elsewhere';
  }
  if (text.includes('#')) return 'it has a fragment (#…)';
  if (rule.rest !== 'query' && text.includes('?')) return 'it has a query (?…)';
  if (rule.rest === undefined && url.pathname !== '/' && url.pathname !== '') return 'it has a path';
  return undefined;
}

/** One URL for each host of a list. */
function split(text: string): (URL | null)[] {
  const [, before = '', hosts = '', rest = ''] =
    /^([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/i.exec(text) ?? [];
  return hosts.split(',').map((host) => URL.parse(before + host + rest));
}

/** One spelling of an upstream's URL: as WHATWG URLs spell it, without a slash at the end. */
export function normalizeUrl(text: string): string {
  const url = new URL(text);
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
