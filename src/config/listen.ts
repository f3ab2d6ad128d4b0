/** Listening addresses as written in `listen` and `admin`. */
import ipaddr from 'ipaddr.js';
import type { ListenEntry } from './schema-server.ts';

/** One socket to listen on. */
export interface ListenAddress {
  /** An IP literal without brackets, as `server.listen` takes it. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/**
 * Reads `127.0.0.1:80`, `[::]:7490`, `localhost:7480` (127.0.0.1 and ::1), or a list of such; equal ones are given once.
 * @throws TypeError with a sentence for the person who wrote it.
 */
export function parseListen(listen: string | readonly string[]): ListenAddress[] {
  const found = new Map<string, ListenAddress>();
  for (const text of typeof listen === 'string' ? [listen] : listen) {
    for (const address of parseOne(text)) found.set(formatListen(address), address);
  }
  return [...found.values()];
}

/** A socket of `listen`, and whether the trace context of what comes in there is believed. */
export interface Listener extends ListenAddress {
  readonly trustsTrace: boolean;
}

/** Reads `listen` as validated; of equal addresses the first counts. */
export function parseListeners(listen: ListenEntry | readonly ListenEntry[]): Listener[] {
  const found = new Map<string, Listener>();
  for (const entry of [listen].flat()) {
    const { address, trust_inbound_trace: trustsTrace = true } = typeof entry === 'string' ? { address: entry } : entry;
    for (const one of parseListen(address)) {
      const name = formatListen(one);
      if (!found.has(name)) found.set(name, { ...one, trustsTrace });
    }
  }
  return [...found.values()];
}

/** Whether an address can be reached from this machine, or this pod, only. */
export function isLoopback({ host }: ListenAddress): boolean {
  return ipaddr.process(host).range() === 'loopback';
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function formatListen({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether two sockets cannot be open at the same time. `::` takes every address, of IPv4 too. */
export function clashes(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || covers(a.host, b.host) || covers(b.host, a.host);
}

function covers(wide: string, host: string): boolean {
  return wide === '::' || (wide === '0.0.0.0' && !host.includes(':'));
}

function parseOne(text: string): ListenAddress[] {
  const [, bracketed, bare, digits] = /^(?:\[([^[\]]*)\]|([^[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  if (host === undefined || digits === undefined) {
    if (/^\d{1,5}$/.test(text)) throw new TypeError(`needs a host before the port, e.g. localhost:${text}`);
    throw new TypeError('must be host:port, e.g. localhost:7480, 0.0.0.0:7480 or [::]:7480');
  }
  const port = Number(digits);
  if (port > 65535) throw new TypeError('has a port above 65535');
  if (host === '' || host === '*') {
    throw new TypeError(`needs a host: 0.0.0.0:${port} for all of IPv4, "[::]:${port}" for all, or localhost:${port}`);
  }
  if (host.toLowerCase() === 'localhost' && bracketed === undefined) {
    return [
      { host: '127.0.0.1', port },
      { host: '::1', port },
    ];
  }
  if (bracketed === undefined) {
    if (ipaddr.IPv4.isValidFourPartDecimal(host)) return [{ host, port }];
    if (host.includes(':')) throw new TypeError('has an IPv6 address without brackets; write "[::1]:7480"');
  } else if (ipaddr.IPv6.isValid(bracketed)) {
    return [{ host: ipaddr.IPv6.parse(bracketed).toString(), port }];
  }
  throw new TypeError('must name localhost or an IP address to listen on; other names are not looked up');
}
