/**
 * Which addresses an upstream may have. A provider is on the public internet; a name that resolves to loopback, link-local
 * (cloud metadata), private or otherwise special addresses is a mistake or an attack unless `allow_private` says so.
 * Ranges are those of the IANA special-purpose registries (RFC 6890), as ipaddr.js knows them.
 */
import ipaddr from 'ipaddr.js';

/** First bytes of the IPv4 address that an IPv6 address of this range carries, and how it is stored. */
const embedded: Record<string, { readonly at: number; readonly inverted: boolean }> = {
  ipv4Mapped: { at: 12, inverted: false },
  rfc6145: { at: 12, inverted: false },
  rfc6052: { at: 12, inverted: false },
  '6to4': { at: 2, inverted: false },
  teredo: { at: 12, inverted: true },
};

/** Why an address may not be connected to, e.g. `loopback`; undefined when it may. Not an address: `invalid`. */
export function forbiddenAddress(ip: string): string | undefined {
  const bare = ip.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  if (!ipaddr.isValid(bare)) return 'invalid';
  const address = ipaddr.parse(bare);
  const range = address.range();
  if (range === 'unicast') return undefined;
  const inside = embedded[range];
  if (inside === undefined) return range;
  const bytes = address.toByteArray().slice(inside.at, inside.at + 4);
  const v4 = inside.inverted ? bytes.map((b) => b ^ 0xff) : bytes;
  const inner = ipaddr.fromByteArray(v4).range();
  return inner === 'unicast' ? undefined : inner;
}
