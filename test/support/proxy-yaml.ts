import { stringify } from 'yaml';

/** One upstream behind one route, and what is special about it. */
export interface ProxyYamlOptions {
  /** The provider's URL. */
  readonly upstream: string;
  /** Default `openai`, also the upstream's name and the route's path. */
  readonly dialect?: string;
  /** Default `/` and the dialect. */
  readonly route?: string;
  /** Entries of `policies`, as objects or as YAML text. */
  readonly policies?: readonly object[] | string;
  /** Further keys of the upstream, e.g. `{ timeouts: { idle: '100ms' } }`. */
  readonly upstreamOptions?: object;
  /** Further keys of the route. */
  readonly routeOptions?: object;
  /** Further top-level keys; they win. */
  readonly extra?: object;
}

/** Writes the `proxy.yaml` of the common case: listeners on free ports of 127.0.0.1, one upstream, one route. */
export function proxyYaml(options: ProxyYamlOptions): string {
  const dialect = options.dialect ?? 'openai';
  const config = {
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    upstreams: { [dialect]: { url: options.upstream, dialect, allow_private: true, ...options.upstreamOptions } },
    routes: [{ path: options.route ?? `/${dialect}`, upstream: dialect, ...options.routeOptions }],
    ...(typeof options.policies === 'object' ? { policies: options.policies } : {}),
    ...options.extra,
  };
  const text = stringify(config);
  if (typeof options.policies !== 'string') return text;
  const indented = options.policies.replace(/^(?=.)/gm, '  ');
  return `${text}policies:\n${indented}\n`;
}
