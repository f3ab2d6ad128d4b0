/**
 * Keys by their salted hashes. SHA-256 and no slow hash: these are random tokens of at least 128 bits, which no one guesses
 * however fast a guess is, and a slow hash would cost each request what it costs the attacker. The salt keeps equal keys
 * of two lists from looking equal, and one precomputed table from serving for all.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ClientKeyConfig } from './schema.ts';

/** Most different salts of a list: each costs every request one hash (about a microsecond). */
export const MAX_SALTS = 16;

/** Who has a key. */
export interface KeyHolder {
  readonly identity: string;
  readonly tags: readonly string[];
  /** Milliseconds since 1970; infinity for a key that does not expire. */
  readonly expiresAt: number;
}

/** Thrown for an entry that cannot be used; `index` is its place in the list. */
export class BadKeyEntry extends Error {
  readonly index: number;
  constructor(message: string, index: number) {
    super(message);
    this.name = 'BadKeyEntry';
    this.index = index;
  }
}

interface Entry extends KeyHolder {
  readonly digest: Buffer;
}

/** Compared with where no digest begins alike, so that there is one comparison for each salt in any case. */
const nobody: Entry = { digest: randomBytes(32), identity: '', tags: [], expiresAt: 0 };

/** The hash of a token under a salt. */
export function digestOf(salt: string, token: string): Buffer {
  return hash('sha256', `${salt}:${token}`, 'buffer');
}

/** A list of keys. Throws {@link BadKeyEntry}. */
export class KeyTable {
  /** For each salt, the entries by the first 64 bits of their digests. */
  readonly #salts: readonly (readonly [salt: string, byStart: ReadonlyMap<bigint, Entry>])[];
  readonly size: number;

  constructor(entries: readonly ClientKeyConfig[]) {
    const salts = new Map<string, Map<bigint, Entry>>();
    for (const [index, { hash: text, identity, tags, expires }] of entries.entries()) {
      const [, salt = '', encoded = ''] = text.split(':');
      const digest = Buffer.from(encoded, 'base64url');
      const expiresAt = expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires);
      if (Number.isNaN(expiresAt)) throw new BadKeyEntry('expires at a time that does not exist', index);
      const byStart = salts.get(salt) ?? new Map<bigint, Entry>();
      const start = digest.readBigUInt64BE();
      if (byStart.has(start)) throw new BadKeyEntry('is the same key as one above it', index);
      byStart.set(start, { digest, identity, tags, expiresAt });
      salts.set(salt, byStart);
      if (salts.size > MAX_SALTS) {
        const again = `make its entry again with \`sluice hash-key --salt ${[...salts.keys()][0]}\``;
        throw new BadKeyEntry(`brings one salt too many: ${MAX_SALTS} are allowed; ${again}`, index);
      }
    }
    this.#salts = [...salts];
    this.size = entries.length;
  }

  /**
   * Whose key it is; also when it has expired. Costs one hash and one comparison for each salt, found or not. What its time
   * may tell (whether some digest begins with the same bits) is of the digest under a salt that the caller does not know.
   */
  find(token: string): KeyHolder | undefined {
    let found: KeyHolder | undefined;
    for (const [salt, byStart] of this.#salts) {
      const digest = digestOf(salt, token);
      const candidate = byStart.get(digest.readBigUInt64BE()) ?? nobody;
      if (timingSafeEqual(candidate.digest, digest)) found = candidate;
    }
    return found;
  }
}
