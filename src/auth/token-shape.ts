/** What can be told of a JSON Web Token before anything in it is believed; everything here is cheap and bounded. */
import { isObject } from './jwk-set.ts';

/** Longer tokens are refused unread. Those of Kubernetes have 1 to 2 KiB. */
export const MAX_TOKEN_BYTES = 8 * 1024;

/** Header members of a token that are looked at. `jku`, `x5u`, `jwk` and `x5c` never are: the sender chose them. */
export interface TokenHeader {
  readonly alg: string;
  readonly kid: string | undefined;
}

/** Whether a credential can be meant as a token: three parts, the first an object in base64url. */
export function looksLikeToken(credential: string): boolean {
  return credential.startsWith('eyJ') && /^[^.]+\.[^.]*\.[^.]*$/.test(credential);
}

/** The `iss` that a token claims, to choose whose keys to check it with; undefined when it has none or is malformed or too long. */
export function issuerOf(token: string): string | undefined {
  if (token.length > MAX_TOKEN_BYTES) return undefined;
  const claims = partOf(token, 1);
  return typeof claims?.iss === 'string' ? claims.iss : undefined;
}

/** The header, or what is wrong with it. Extensions that must be understood (`crit`) are not understood here. */
export function headerOf(token: string, algorithms: ReadonlySet<string>): TokenHeader | string {
  const header = partOf(token, 0);
  if (header === undefined) return 'The token is malformed.';
  const { alg, kid, crit } = header;
  if (typeof alg !== 'string' || !algorithms.has(alg)) return 'The algorithm of the token is not accepted here.';
  if (crit !== undefined) return 'The token asks for extensions that are not known here.';
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 256)) return 'The token is malformed.';
  return { alg, kid };
}

function partOf(token: string, index: 0 | 1): Record<string, unknown> | undefined {
  const part = token.split('.', 3)[index] ?? '';
  try {
    const data: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isObject(data) ? data : undefined;
  } catch {
    return undefined;
  }
}
