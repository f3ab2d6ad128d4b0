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

const dot = 0x2e;
const zero = 0x30;

/**
 * An IPv4 address in its one standard spelling (four numbers from 0 to 255 without leading zeros) as a number from 0 to
 * 2^32 - 1; -1 for any other text, which may be an address all the same. Without an object, for what is asked of each request.
 */
export function plainAddress(text: string): number {
  if (text.length < 7 || text.length > 15) return -1;
  let address = 0;
  let octet = -1;
  let octets = 0;
  for (let i = 0; i <= text.length; i++) {
    const byte = i === text.length ? dot : text.charCodeAt(i);
    if (byte === dot) {
      if (octet < 0 || ++octets > 4) return -1;
      address = address * 256 + octet;
      octet = -1;
    } else {
      const digit = byte - zero;
      if (digit < 0 || digit > 9 || octet === 0) return -1;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return -1;
    }
  }
  return octets === 4 ? address : -1;
}
