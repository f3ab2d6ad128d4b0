import dns from 'node:dns';
import { isIP } from 'node:net';
import type { TestContext } from 'node:test';

/** What a name resolves to: addresses, the code of an error, or nothing ever. */
export type DnsAnswer = readonly string[] | { readonly code: string } | 'never';

/** Counts what it was asked. */
export interface TestResolver {
  /** The names asked for, in order. */
  readonly asked: readonly string[];
}

/**
 * Stands in for the resolver of this process, through which Node's net resolves names, until the test ends. Addresses
 * (those that servers listen on) resolve to themselves.
 * @param answer asked once for each lookup, so that it can change its mind
 */
export function testResolver(t: TestContext, answer: (name: string) => DnsAnswer): TestResolver {
  const asked: string[] = [];
  const real = dns.lookup;
  const lookup = (name: string, options: { all?: boolean }, callback: (...result: unknown[]) => void) => {
    if (isIP(name) !== 0) return void real(name, options as dns.LookupAllOptions, callback);
    asked.push(name);
    const found = answer(name);
    if (found === 'never') return undefined;
    process.nextTick(() => {
      if ('code' in found) return callback(Object.assign(new Error(`getaddrinfo ${found.code}`), found));
      const addresses = found.map((address) => ({ address, family: isIP(address) }));
      if (options.all === true) return callback(null, addresses);
      return callback(null, addresses[0]?.address, addresses[0]?.family);
    });
    return undefined;
  };
  t.mock.method(dns, 'lookup', lookup as typeof dns.lookup);
  return { asked };
}
