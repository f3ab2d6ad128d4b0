/**
 * Names of headers in lower case, remembered: configurations and clients use the same few over and over, and finding one
 * costs less than judging and lowering it again. Bounded, for clients choose them too.
 */
import { isHeaderName } from './header-fault.ts';

/** Most names remembered, and how long one may be. */
const most = 1024;
const longest = 64;

const lowered = new Map<string, string>();
const legal = new Map<string, string>();

/** The name in lower case, legal or not. */
export function lowerCase(name: string): string {
  return lowered.get(name) ?? remember(lowered, name);
}

/** The name in lower case; undefined when it cannot be the name of a header (RFC 9110 §5.1). */
export function legalKey(name: string): string | undefined {
  const known = legal.get(name);
  if (known !== undefined) return known;
  return typeof name === 'string' && isHeaderName(name) ? remember(legal, copied(name)) : undefined;
}

/** What is cut out of a head would keep all of the head in memory for as long as it is remembered. */
function copied(name: string): string {
  return Buffer.from(name, 'latin1').toString('latin1');
}

function remember(names: Map<string, string>, name: string): string {
  const key = name.toLowerCase();
  if (name.length > longest) return key;
  if (names.size >= most) names.clear();
  names.set(name, key);
  return key;
}
