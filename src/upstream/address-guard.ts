/**
 * Where an upstream may be. A provider is on the public internet; a host that is, or resolves to, a loopback, link-local
 * (cloud metadata), private or otherwise special address is a mistake or an attack. `allow_private: true` switches the
 * guard off, for every kind of address: an upstream that needs it is named by the operator, one by one.
 *
 * - {@link forbiddenAddress} judges an address: of a socket, or of an answer of the DNS;
 * - {@link forbiddenHost} judges what stands in a URL, without asking the DNS;
 * - `createConnector` of `./connector.ts` opens connections that keep to both, for whoever needs one.
 */
import { isIP } from 'node:net';
import { parseAddress } from '../http/parse-address.ts';
import { specialReason } from './special-addresses.ts';

/** Names that mean this machine wherever they are known (RFC 6761 §6.3, and /etc/hosts of the usual systems). */
const ownNames = new Set([
  'localhost',
  'localhost4',
  'localhost6',
  'ip6-localhost',
  'ip6-loopback',
  'loopback',
  'broadcasthost',
]);

/** Names at which clouds serve an instance its credentials. */
const metadataNames = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'metadata.tencentyun.com',
  'instance-data',
  'instance-data.ec2.internal',
]);

/** Why an address may not be connected to, e.g. `loopback`; undefined when it may. Not an address: `invalid`. */
export function forbiddenAddress(ip: string): string | undefined {
  const address = parseAddress(withoutBrackets(ip).replace(/%[^%]*$/, ''));
  return address === undefined ? 'invalid' : specialReason(address);
}

/**
 * Why the host of a URL may not be connected to, by its name or as a literal; undefined when that depends on what it
 * resolves to. Give it `hostname` of a WHATWG URL, which has made one spelling of all: `127.1`, `0x7f.1`, `2130706433`,
 * full-width digits, `%31` and the like.
 */
export function forbiddenHost(hostname: string): string | undefined {
  const host = hostname.toLowerCase().replace(/\.+$/, '');
  const bare = withoutBrackets(host);
  if (isIP(bare) !== 0 || host.startsWith('[')) return forbiddenAddress(bare);
  if (metadataNames.has(host)) return 'cloud metadata';
  const own = host.replace(/\.(?:localdomain[46]?|local)$/, '');
  if (ownNames.has(own) || own.endsWith('.localhost') || /^localdomain[46]?$/.test(host)) return 'loopback';
  return undefined;
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
