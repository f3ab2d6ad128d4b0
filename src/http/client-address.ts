/**
 * Who the client is. X-Forwarded-For is believed only as far as each hop is a trusted proxy: the walk goes from the
 * socket's peer to the left, and the first address that is not trusted is the client. Forwarded and X-Real-IP are not
 * read: one source only.
 */
import ipaddr from 'ipaddr.js';
import { parseAddress, parsePlainAddress, plainAddress } from './parse-address.ts';

/** No address with brackets, zone and port is longer; what is longer is not looked at. */
const MAX_HOP = 128;

/** True when an address lies in one of the CIDRs; see {@link compileCidrs}. */
export type AddressMatcher = (ip: string) => boolean;

/** Compiles CIDRs and single addresses; IPv4-mapped IPv6 is IPv4. Throws on what is neither. */
export function compileCidrs(cidrs: readonly string[]): AddressMatcher {
  const ranges = cidrs.map((text) => {
    const slash = text.indexOf('/');
    const address = parseAddress(slash === -1 ? text : text.slice(0, slash));
    if (address === undefined) throw new Error('not an address or a CIDR');
    const most = address.kind() === 'ipv4' ? 32 : 128;
    const length = slash === -1 ? String(most) : text.slice(slash + 1);
    const bits = Number(length);
    if (!/^\d{1,3}$/.test(length) || bits > most) throw new Error('not the length of a prefix');
    if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96) {
      return { address: address.toIPv4Address(), bits: bits - 96 };
    }
    return { address, bits };
  });
  if (ranges.length === 0) return () => false;
  const plain = ranges.flatMap(({ address, bits }) =>
    address instanceof ipaddr.IPv4 ? [plainRange(address.toByteArray(), bits)] : [],
  );
  const match = (ip: string) => {
    const number = plainAddress(ip);
    if (number >= 0) {
      for (const { mask, base } of plain) if (((number & mask) | 0) === base) return true;
      return false;
    }
    const address = parsePlainAddress(withoutZone(ip));
    if (address === undefined) return false;
    return ranges.some((range) => address.kind() === range.address.kind() && address.match(range.address, range.bits));
  };
  // Most requests come from where the one before came from.
  let lastIp = '';
  let lastMatch = match(lastIp);
  return (ip) => {
    if (ip === lastIp) return lastMatch;
    lastMatch = match(ip);
    lastIp = ip;
    return lastMatch;
  };
}

interface PlainRange {
  readonly mask: number;
  readonly base: number;
}

/** A CIDR of IPv4 as numbers of 32 bits. A shift by 32 is one by 0, so no bits are a case of their own. */
function plainRange(bytes: readonly number[], bits: number): PlainRange {
  const mask = bits === 0 ? 0 : -1 << (32 - bits);
  const number = bytes.reduce((sum, byte) => (sum << 8) | byte, 0);
  return { mask, base: number & mask };
}

/** `[IPv6]`, with or without a port; and IPv4 with one. IPv6 without brackets has no port: its last group would be one. */
const bracketed = /^\[([^\]]*:[^\]]*)\](?::(\d{1,5}))?$/;
const withPort = /^([\d.]+):(\d{1,5})$/;

/**
 * One spelling for an address of a header: no zone, no brackets, no port, mapped IPv4 as IPv4, lower case. Undefined when
 * it is no address, as `unknown`, `_hidden` (RFC 7239 §6), `127.1` and `010.0.0.1` are none.
 */
export function normalizeAddress(text: string): string | undefined {
  // Optional white space of a header is space and tab; trim() would take more off.
  const written = text.replace(/^[ \t]+/, '').replace(/(?<![ \t])[ \t]+$/, '');
  if (written.length > MAX_HOP) return undefined;
  const [, inner = written, port] = bracketed.exec(written) ?? withPort.exec(written) ?? [];
  if (port !== undefined && Number(port) > 65535) return undefined;
  return parsePlainAddress(withoutZone(inner))?.toString();
}

/** RFC 4007 §11: only IPv6 addresses have a zone, and it is not empty. */
function withoutZone(address: string): string {
  const at = address.indexOf('%');
  const isZone = at > 0 && at < address.length - 1 && address.includes(':');
  return isZone ? address.slice(0, at) : address;
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
