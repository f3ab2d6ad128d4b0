/** CIDRs and addresses as written in the configuration, through ipaddr.js. */
import ipaddr from 'ipaddr.js';
import { parseAddress } from '../http/parse-address.ts';

/**
 * Reads a CIDR or a single address and returns the network in its shortest spelling: `10.1.2.3/8` is `10.0.0.0/8`, `::1`
 * is `::1/128`, an IPv4-mapped network is the IPv4 one. Undefined for anything else, e.g. `10.1`, `010.0.0.1` (which
 * some read as octal) and addresses with a zone.
 */
export function normalizeCidr(text: string): string | undefined {
  const [, written, length] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  if (written === undefined) return undefined;
  const address = parseAddress(written);
  if (address === undefined) return undefined;
  const most = address.kind() === 'ipv4' ? 32 : 128;
  const bits = length === undefined ? most : Number(length);
  if (bits > most) return undefined;
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96) {
    return network(address.toIPv4Address(), bits - 96);
  }
  return network(address, bits);
}

function network(address: ipaddr.IPv4 | ipaddr.IPv6, bits: number): string {
  const kept = address.toByteArray().map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i))));
  return `${ipaddr.fromByteArray(kept).toString()}/${bits}`;
}
