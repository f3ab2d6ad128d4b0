/** Where Redis is, read from one URL. */
import { percentDecoded } from '../http/percent-decoded.ts';

/** What a URL of Redis says. */
export interface RedisAddress {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** One server; or several Sentinels or nodes of a Cluster, any of which is asked for the others. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Name of the primary, as Sentinels know it; empty otherwise. */
  readonly name: string;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
}

const FORMS = {
  single: 'redis://[user:password@]host[:port][/db]',
  sentinel: 'redis+sentinel://[user:password@]host[:port],…/name[/db]',
  cluster: 'redis+cluster://[user:password@]host[:port],…',
};

/** Schemes of Redis URLs; those with an `s` speak TLS. */
export const REDIS_SCHEMES = [
  'redis',
  'rediss',
  'redis+sentinel',
  'rediss+sentinel',
  'redis+cluster',
  'rediss+cluster',
] as const;

const EXPECTED = `expected ${Object.values(FORMS).join(' or ')}; rediss for TLS`;

/** Throws a TypeError that says what is expected and holds no part of the URL. */
export function parseRedisUrl(url: string): RedisAddress {
  const parts = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?$/i.exec(url);
  if (parts === null) throw new TypeError(`not a Redis URL: ${EXPECTED}`);
  const [, scheme = '', topology = 'single', credentials = '', authority = '', path = ''] = parts;
  const kind = topology.toLowerCase() as RedisAddress['kind'];
  const colon = credentials.indexOf(':');
  const username = colon < 0 ? credentials : credentials.slice(0, colon);
  const password = colon < 0 ? '' : credentials.slice(colon + 1);
  const [name = '', number = ''] = kind === 'sentinel' ? split(path) : ['', path];
  if (kind === 'sentinel' && !/^[\w.-]{1,128}$/.test(name)) {
    throw new TypeError(`the path of this Redis URL begins with the name of the primary: ${EXPECTED}`);
  }
  if (!/^\d{0,5}$/.test(number) || (kind === 'cluster' && number !== '')) {
    throw new TypeError(`the path of a Redis URL is the number of a database, a Cluster has none: ${EXPECTED}`);
  }
  const ports = kind === 'sentinel' ? 26379 : 6379;
  const hosts = (kind === 'single' ? [authority] : authority.split(',')).map((host) => hostOf(host, ports));
  return {
    kind,
    hosts,
    name,
    db: Number(number),
    ...(username === '' ? {} : { username: percentDecoded(username) }),
    ...(password === '' ? {} : { password: percentDecoded(password) }),
    tls: scheme.toLowerCase() === 'rediss',
  };
}

function split(path: string): [string, string] {
  const slash = path.indexOf('/');
  return slash < 0 ? [path, ''] : [path.slice(0, slash), path.slice(slash + 1)];
}

function hostOf(text: string, defaultPort: number): { host: string; port: number } {
  // Host and port are read as WHATWG URLs read them; http's own default port is written out.
  const url = /[\s,]/.test(text) ? null : URL.parse(`redis://${text}`);
  if (url === null || url.hostname === '' || url.port === '0' || url.pathname.length > 1) {
    throw new TypeError(`a host or port of the Redis URL is not valid: ${EXPECTED}`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host, port: url.port === '' ? defaultPort : Number(url.port) };
}
