/** Reads IP addresses as the operating system does, where ipaddr.js alone reads more and reads it otherwise. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** An address of either family. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * An address in one of its standard spellings, without zone, brackets or port; undefined for anything else. ipaddr.js
 * takes `127.1`, reads `010.0.0.1` as octal, and takes the IPv4-compatible `::10.0.0.1` for the mapped `::ffff:10.0.0.1`.
 */
export function parseAddress(text: string): Address | undefined {
  const family = text.includes('%') ? 0 : isIP(text);
  if (family === 4) return ipaddr.IPv4.parse(text);
  if (family !== 6) return undefined;
  // A URL spells IPv6 in hexadecimal throughout, which leaves nothing to interpret.
  return ipaddr.IPv6.parse(text.includes('.') ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text);
}

/** The same, an IPv4-mapped IPv6 address as the IPv4 one that it stands for. */
export function parsePlainAddress(text: string): Address | undefined {
  const address = parseAddress(text);
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}
