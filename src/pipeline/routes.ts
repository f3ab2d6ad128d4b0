/** Finds the route of a path: the longest prefix that ends at a segment boundary. Its cost does not grow with the routes. */
import type { RouteConfig } from '../config/schema.ts';
import { requestStripSet } from '../http/hygiene.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** A route at run time. */
export interface Route {
  /** As configured; the label of metrics and spans. */
  readonly path: string;
  /** The prefix that is stripped: without a trailing slash, empty for `/`. */
  readonly prefix: string;
  readonly upstream: Upstream;
  readonly stripsCredentials: boolean;
  /** Names of request headers that stay behind. */
  readonly strip: ReadonlySet<string>;
  /** Lower-cased names that go on although they identify players. */
  readonly forward: readonly string[];
  /** How long the upstream is read on after the client left; undefined: not at all. */
  readonly drain: { readonly maxMs: number; readonly maxBytes: number } | undefined;
}

/** Makes a route of its configuration. */
export function createRoute(config: RouteConfig, upstream: Upstream): Route {
  const forward = config.forward_headers.map((name) => name.toLowerCase());
  const drain = config.on_client_abort === 'cancel' ? undefined : config.on_client_abort.drain;
  return {
    path: config.path,
    prefix: config.path.replace(/\/+$/, ''),
    upstream,
    stripsCredentials: config.credentials === 'strip',
    strip: requestStripSet({ credentials: config.credentials, forward }),
    forward,
    drain: drain && { maxMs: drain.max_seconds * 1000, maxBytes: drain.max_bytes },
  };
}

/** The routes of a pipeline. */
export class RouteTable {
  readonly #byPrefix = new Map<string, Route>();
  readonly #deepest: number;

  constructor(routes: readonly Route[]) {
    let deepest = 0;
    for (const route of routes) {
      this.#byPrefix.set(route.prefix, route);
      deepest = Math.max(deepest, route.prefix.split('/').length - 1);
    }
    this.#deepest = deepest;
  }

  match(path: string): Route | undefined {
    let found = this.#byPrefix.get('');
    let end = 0;
    for (let depth = 0; depth < this.#deepest && end >= 0; depth++) {
      end = path.indexOf('/', end + 1);
      found = this.#byPrefix.get(end < 0 ? path : path.slice(0, end)) ?? found;
    }
    return found;
  }
}
