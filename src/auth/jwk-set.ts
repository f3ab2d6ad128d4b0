/** Reads a JSON Web Key Set (RFC 7517): of what an issuer publishes, the keys that may check a signature. */
import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/** A key that may check signatures. */
export interface SigningKey {
  readonly kid: string | undefined;
  readonly key: KeyObject;
  /** `RSA`, `EC` or `OKP`. */
  readonly type: string;
  /** The only algorithm that it may be used with, where its issuer says one. */
  readonly algorithm: string | undefined;
  /** Tells it from any other key, over refreshes. */
  readonly print: string;
}

/** More keys than any issuer has at a time. */
const MAX_KEYS = 64;
const MIN_RSA_BITS = 2048;
const curves = new Set(['P-256', 'P-384', 'P-521', 'Ed25519']);

/**
 * The keys of a text. Symmetric keys are left out (who can check with one could also sign, and a public text holds no
 * secret), and so are weak ones, private ones and those for encryption. Throws an Error when the text is no key set, or
 * when it holds no key that can be used.
 */
export function parseJwkSet(text: string): readonly SigningKey[] {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
  const list = isObject(data) ? data.keys : undefined;
  if (!Array.isArray(list)) throw new Error('it has no list `keys`');
  if (list.length > MAX_KEYS) throw new Error(`it has more than ${MAX_KEYS} keys`);
  const keys = list.map(usable).filter((key) => key !== undefined);
  if (keys.length === 0) throw new Error('it has no public key that can check a signature');
  return keys;
}

function usable(jwk: unknown): SigningKey | undefined {
  if (!isObject(jwk)) return undefined;
  const { kty, kid, alg, use, key_ops: operations, n, e, crv, x, y } = jwk;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined;
  if (kid !== undefined && typeof kid !== 'string') return undefined;
  // Only the public members: a private key that somebody published by mistake is taken for its public half.
  const members =
    kty === 'RSA'
      ? { kty, n, e }
      : kty === 'EC' || kty === 'OKP'
        ? { kty, crv, x, ...(kty === 'EC' && { y }) }
        : undefined;
  if (members === undefined) return undefined;
  if (kty !== 'RSA' && !(typeof crv === 'string' && curves.has(crv))) return undefined;
  try {
    const key = createPublicKey({ key: members as JsonWebKey, format: 'jwk' });
    if (kty === 'RSA' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) return undefined;
    const algorithm = typeof alg === 'string' ? alg : undefined;
    const print = createHash('sha256')
      .update(JSON.stringify([kid, algorithm, members]))
      .digest('base64url');
    return { kid, key, type: String(kty), algorithm, print };
  } catch {
    return undefined;
  }
}

/** The type of key that an algorithm takes (RFC 7518 §3.1, RFC 8037). */
export function keyTypeOf(algorithm: string): string {
  if (algorithm.startsWith('RS') || algorithm.startsWith('PS')) return 'RSA';
  return algorithm.startsWith('ES') ? 'EC' : 'OKP';
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
