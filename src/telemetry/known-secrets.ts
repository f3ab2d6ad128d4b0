/**
 * The secrets that this process holds, by value: a key of any form is taken out of whatever is said, for instance where
 * an upstream echoes it in an error. Whoever reads a secret remembers it here. The list is the process's own: what is a
 * secret of one app is one for the logs of another too.
 */

/** Shorter ones are words that texts hold for other reasons; a key is never that short. */
const SHORTEST = 8;
/** Rotated keys stay for a while, since requests with them may still run; the oldest are forgotten. */
const MOST = 256;

const known = new Set<string>();
let last: string | undefined;
let version = 0;
/** Longest first: a key that is the beginning of another one must not leave that one's rest behind. */
let ordered: readonly string[] | undefined;

/**
 * Remembers a secret, in the forms in which it travels. Cheap for one that is known.
 * @param value anything below 8 characters is not remembered
 */
export function rememberSecret(value: string | undefined): void {
  if (value === undefined || value === last || value.length < SHORTEST) return;
  last = value;
  // As it stands in JSON and in URLs.
  for (const form of new Set([value, JSON.stringify(value).slice(1, -1), encoded(value)])) {
    // The order of a set is that of its additions: whatever is used lately stays.
    if (!known.delete(form)) {
      ordered = undefined;
      version++;
    }
    known.add(form);
  }
  for (const oldest of known) {
    if (known.size <= MOST) break;
    known.delete(oldest);
  }
}

/** Counts what has been added: a text that was judged before must be judged again. */
export function knownVersion(): number {
  return version;
}

/** The text with another in the place of each secret that is remembered. */
export function withoutKnown(text: string, replacement: string): string {
  if (text.length < SHORTEST) return text;
  let clean = text;
  ordered ??= [...known].sort((a, b) => b.length - a.length);
  for (const secret of ordered) {
    if (clean.includes(secret)) clean = clean.replaceAll(secret, () => replacement);
  }
  return clean;
}

function encoded(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value; // half of a surrogate pair has no form in a URL
  }
}
