/**
 * Who the client is. X-Forwarded-For is believed only as far as each hop is a trusted proxy: the walk goes from the
 * socket's peer to the left, and the first address that is not trusted is the client. Forwarded and X-Real-IP are not
 * read: one source only.
 */
import ipaddr from 'ipaddr.js';

/** True when an address lies in one of the CIDRs; see {@link compileCidrs}. */
export type AddressMatcher = (ip: string) => boolean;

/** Compiles CIDRs and single addresses; IPv4-mapped IPv6 is IPv4. Throws on what is neither. */
export function compileCidrs(cidrs: readonly string[]): AddressMatcher {
  const ranges = cidrs.map((text) => {
    const cidr = text.includes('/') ? text : `${text}/${ipaddr.parse(text).kind() === 'ipv4' ? 32 : 128}`;
    const [address, bits] = ipaddr.parseCIDR(cidr);
    if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96) {
      return { address: address.toIPv4Address(), bits: bits - 96 };
    }
    return { address, bits };
  });
  if (ranges.length === 0) return () => false;
  return (ip) => {
    if (!ipaddr.isValid(ip)) return false;
    const address = ipaddr.process(ip);
    return ranges.some((range) => address.kind() === range.address.kind() && address.match(range.address, range.bits));
  };
}

/** One spelling for an address: no zone, no brackets, no port, mapped IPv4 as IPv4. Undefined when it is no address. */
export function normalizeAddress(text: string): string | undefined {
  let bare = text.trim();
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(bare);
  if (bracketed !== null) bare = bracketed[1] ?? '';
  else if (/^\d+\.\d+\.\d+\.\d+:\d{1,5}$/.test(bare)) bare = bare.slice(0, bare.indexOf(':'));
  bare = bare.replace(/%.*$/, '');
  // ipaddr.js also reads 127.1 and 0x7f.1, which are no addresses in a header.
  if (!bare.includes(':') && !/^\d{1,3}(?:\.\d{1,3}){3}$/.test(bare)) return undefined;
  if (!ipaddr.isValid(bare)) return undefined;
  return ipaddr.process(bare).toString();
}

/**
 * The client's address.
 * @param peer the socket's remote address
 * @param forwardedFor all lines of X-Forwarded-For, in order
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: readonly string[],
  trusted: AddressMatcher,
): string {
  let client = peerAddress(peer);
  if (forwardedFor.length === 0 || !trusted(client)) return client;
  const hops = forwardedFor.join(',').split(',');
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = normalizeAddress(hops[i] ?? '');
    if (hop === undefined) return client;
    client = hop;
    if (!trusted(hop)) return client;
  }
  return client;
}

/** The socket's remote address in one spelling. Loopback and IPv4 are nearly all of them: no parsing for these. */
export function peerAddress(peer: string | undefined): string {
  if (peer === undefined) return 'unknown';
  if (!peer.includes(':')) return peer;
  if (peer.startsWith('::ffff:') && peer.includes('.')) return peer.slice(7);
  return normalizeAddress(peer) ?? peer;
}
