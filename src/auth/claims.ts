/** What a token's claims say of its caller. Issuers and users may be hostile: number, length and characters are bounded. */
import { isObject } from './jwk-set.ts';
import { isIdentity, isTag, type JwtIssuerConfig, MAX_TAGS } from './schema.ts';

/** Reads identity and tags out of claims. */
export interface ClaimReader {
  /** Undefined where the claim is missing or cannot be an identity. */
  identity(claims: Readonly<Record<string, unknown>>): string | undefined;
  tags(claims: Readonly<Record<string, unknown>>): readonly string[];
}

/** Compiles what an issuer's configuration says. */
export function compileClaims(config: Pick<JwtIssuerConfig, 'identity' | 'identity_prefix' | 'tags'>): ClaimReader {
  const path = [config.identity].flat();
  const rules = config.tags.map(({ claim, value, tag }) => ({ path: [claim].flat(), value, tag }));
  return {
    identity(claims) {
      const found = claimAt(claims, path);
      if (typeof found !== 'string' || found === '') return undefined;
      const identity = config.identity_prefix + found;
      return isIdentity(identity) ? identity : undefined;
    },
    tags(claims) {
      const tags = new Set<string>();
      for (const { path: at, value, tag } of rules) {
        const found = claimAt(claims, at);
        // What lies behind the hundredth element of a list is not looked at.
        const texts = (Array.isArray(found) ? found.slice(0, 100) : [found]).filter(isText);
        if (value === undefined) {
          const named = texts.map((text) => (tag === undefined ? text : tag));
          for (const one of named) if (tags.size < MAX_TAGS && isTag(one)) tags.add(one);
        } else if (texts.includes(value) && tags.size < MAX_TAGS) {
          const made = tag ?? value;
          if (isTag(made)) tags.add(made);
        }
      }
      return [...tags];
    },
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function claimAt(claims: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let at: unknown = claims;
  for (const name of path) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}
