/**
 * The blocks of addresses at which no provider is: the IANA special-purpose address registries (RFC 6890 and its updates)
 * with multicast, what is reserved, and the addresses at which clouds serve an instance its credentials. The first block
 * that holds an address gives the reason. ipaddr.js knows most of them under `range()`, but not all, and calls some
 * that lead to a metadata service plain unicast.
 */
import ipaddr from 'ipaddr.js';
import type { Address } from '../http/parse-address.ts';

type Block = readonly [reason: string, ...cidrs: string[]];

/**
 * The exceptions of 192.0.0.0/24 that the registry calls global (PCP, TURN anycast) stay in it: they lead to the nearest
 * server of the own network.
 */
const blocks4: readonly Block[] = [
  ['unspecified', '0.0.0.0/32'],
  ['this network', '0.0.0.0/8'],
  ['loopback', '127.0.0.0/8'],
  // AWS, Azure, GCP, OpenStack; Alibaba; Oracle; Azure's wireserver, which only looks public.
  ['cloud metadata', '169.254.169.254/32', '100.100.100.200/32', '192.0.0.192/32', '168.63.129.16/32'],
  ['link-local', '169.254.0.0/16'],
  ['private', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  ['carrier-grade NAT', '100.64.0.0/10'],
  ['protocol assignment', '192.0.0.0/24'],
  ['documentation', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'],
  ['6to4 relay', '192.88.99.0/24'],
  ['AS112', '192.31.196.0/24', '192.175.48.0/24'],
  ['AMT relay', '192.52.193.0/24'],
  ['benchmarking', '198.18.0.0/15'],
  ['multicast', '224.0.0.0/4'],
  ['broadcast', '255.255.255.255/32'],
  ['reserved', '240.0.0.0/4'],
];

/** What is left of IPv6 after these is public in 2000::/3 only: IANA has assigned nothing else to be routed. */
const blocks6: readonly Block[] = [
  ['unspecified', '::/128'],
  ['loopback', '::1/128'],
  ['IPv4-compatible', '::/96'],
  ['local NAT64', '64:ff9b:1::/48'],
  ['discard-only', '100::/64'],
  ['dummy', '100:0:0:1::/64'],
  ['protocol assignment', '2001::/23'],
  ['documentation', '2001:db8::/32', '3fff::/20'],
  ['AS112', '2620:4f:8000::/48'],
  ['segment routing', '5f00::/16'],
  ['cloud metadata', 'fd00:ec2::254/128', 'fd20:ce::254/128', 'fd00:c1::a9fe:a9fe/128', 'fd00:42::42/128'],
  ['private', 'fc00::/7'],
  ['link-local', 'fe80::/10'],
  ['site-local', 'fec0::/10'],
  ['multicast', 'ff00::/8'],
];

/** IPv6 addresses that carry IPv4 ones, by where these begin; `inverted` ones are stored with every bit turned. */
interface Carrier {
  readonly cidr: string;
  readonly at: readonly { readonly byte: number; readonly inverted?: true }[];
}

const carriers: readonly Carrier[] = [
  { cidr: '::ffff:0:0/96', at: [{ byte: 12 }] }, // IPv4-mapped, RFC 4291
  { cidr: '::ffff:0:0:0/96', at: [{ byte: 12 }] }, // IPv4-translated, RFC 7915
  { cidr: '64:ff9b::/96', at: [{ byte: 12 }] }, // NAT64, RFC 6052
  { cidr: '2002::/16', at: [{ byte: 2 }] }, // 6to4, RFC 3056
  { cidr: '2001::/32', at: [{ byte: 4 }, { byte: 12, inverted: true }] }, // Teredo, RFC 4380: server and client
];

const special4 = compile(blocks4);
const special6 = compile(blocks6);
const carrying = carriers.map(({ cidr, at }) => ({ holds: matcher(cidr), at }));
const isGlobalUnicast = matcher('2000::/3');

/** Why no provider is at an IPv4 or IPv6 address; undefined when one may be. IPv4 inside IPv6 is judged as IPv4. */
export function specialReason(address: Address): string | undefined {
  if (address instanceof ipaddr.IPv4) return special4(address);
  const bytes = address.toByteArray();
  const carrier = carrying.find(({ holds }) => holds(address));
  if (carrier !== undefined) {
    const inner = carrier.at.map(({ byte, inverted }) => embedded(bytes, byte, inverted === true));
    return inner.find((reason) => reason !== undefined);
  }
  const reason = special6(address);
  if (reason !== undefined) return reason;
  if (!isGlobalUnicast(address)) return 'reserved';
  return isIsatap(bytes) ? embedded(bytes, 12, false) : undefined;
}

/** Whether the interface identifier is that of ISATAP (RFC 5214 §6.1), whose last four bytes are an IPv4 address. */
function isIsatap(bytes: readonly number[]): boolean {
  const [first = 0, second, third, fourth] = bytes.slice(8);
  return (first & 0xfd) === 0 && second === 0 && third === 0x5e && fourth === 0xfe;
}

function embedded(bytes: readonly number[], at: number, inverted: boolean): string | undefined {
  const four = bytes.slice(at, at + 4).map((byte) => (inverted ? byte ^ 0xff : byte));
  return special4(new ipaddr.IPv4(four));
}

function compile(blocks: readonly Block[]): (address: Address) => string | undefined {
  const matchers = blocks.flatMap(([reason, ...cidrs]) => cidrs.map((cidr) => ({ reason, holds: matcher(cidr) })));
  return (address) => matchers.find(({ holds }) => holds(address))?.reason;
}

function matcher(cidr: string): (address: Address) => boolean {
  const [network, bits] = ipaddr.parseCIDR(cidr);
  return (address) => address.kind() === network.kind() && address.match(network, bits);
}
