/**
 * What the names of upstreams resolve to now, for `sluice check`: warnings only, for the machine that checks need not be
 * the one that runs, and a name is judged again at every connection. Nothing that serves waits for this.
 */
import dns from 'node:dns';
import { isIP } from 'node:net';
import { forbiddenAddress, forbiddenHost } from '../upstream/address-guard.ts';
import { exemptFromProxy } from '../upstream/egress-proxy.ts';
import type { Variables } from './interpolate.ts';
import type { Loaded } from './load.ts';
import { childPointer } from './pointer.ts';
import { type ConfigProblem, problemAt } from './problems.ts';

/** How long all names together may take, in milliseconds. */
const PATIENCE_MS = 2000;

/** What came of a name: its addresses, the resolver's error code, or `timeout`. */
type Resolved = { readonly addresses: readonly string[] } | { readonly failure: string };

/** Resolves all names at once, as connections do (hosts file included), and says which would be refused and which are not known. */
export async function resolveNames(
  { config, locate, references }: Loaded,
  env: Variables,
  patienceMs = PATIENCE_MS,
): Promise<ConfigProblem[]> {
  const named = Object.entries(config.upstreams)
    .map(([name, upstream]) => ({ name, upstream, host: new URL(upstream.url).hostname.replace(/^\[|\]$/g, '') }))
    .filter(({ host }) => isIP(host) === 0)
    // An egress proxy resolves names itself, and may know others.
    .filter(
      ({ host, upstream }) => upstream.egress_proxy === '' || exemptFromProxy(host, env.NO_PROXY ?? env.no_proxy),
    );
  const { promise: late, resolve: giveUp } = Promise.withResolvers<Resolved>();
  const timer = setTimeout(giveUp, patienceMs, { failure: 'timeout' });
  const names = [...new Set(named.map(({ host }) => host))];
  const answers = names.map(async (host) => [host, await Promise.race([resolve(host), late])] as const);
  const found = new Map(await Promise.all(answers));
  clearTimeout(timer);
  return named.flatMap(({ name, upstream, host }) => {
    const pointer = `${childPointer('/upstreams', name)}/url`;
    const answer = found.get(host) ?? { failure: 'timeout' };
    // What came from a variable is not repeated.
    const shown = references.has(pointer) ? 'its host' : `"${host}"`;
    const message = fault(shown, answer, upstream.allow_private);
    // A name that is an error by itself where it is not allowed needs no second opinion where it is.
    if (message === undefined || (upstream.allow_private && forbiddenHost(host) !== undefined)) return [];
    return [problemAt(locate(pointer), pointer, message, 'warning')];
  });
}

function fault(host: string, answer: Resolved, allowPrivate: boolean): string | undefined {
  if ('failure' in answer) {
    const why = answer.failure === 'timeout' ? 'was not resolved in time' : `does not resolve (${answer.failure})`;
    return `${host} ${why} on this machine; look at the name, or check with --no-dns where there is no DNS`;
  }
  if (allowPrivate) return undefined;
  const refused = answer.addresses
    .map((address) => ({ address, reason: forbiddenAddress(address) }))
    .filter(({ reason }) => reason !== undefined);
  if (refused.length === 0) return undefined;
  const list = refused.map(({ address, reason }) => `${address} (${reason})`).slice(0, 4);
  return (
    `${host} resolves to ${list.join(', ')}, which is not public: requests would get 502 upstream_forbidden; ` +
    'set `allow_private: true` in this upstream if that is meant'
  );
}

/** Never rejects. */
function resolve(host: string): Promise<Resolved> {
  return new Promise((settle) => {
    // Through the module's object, as Node's own net does: what stands in for one stands in for the other.
    dns.lookup(host, { all: true }, (error, addresses) => {
      if (error === null) settle({ addresses: addresses.map(({ address }) => address) });
      else settle({ failure: error.code ?? 'unknown' });
    });
  });
}
