/** Who may call: a credential is one of the known keys, or a token of an accepted issuer. */
import type { Env, MaybePromise, PolicyLogger } from '../policy.ts';
import type { Secrets } from '../resources/secrets.ts';
import type { Shared } from '../resources/shared.ts';
import { openIssuer } from './issuer.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { KeyList } from './key-list.ts';
import type { ClientKeyConfig, JwtIssuerConfig } from './schema.ts';
import { issuerOf, looksLikeToken } from './token-shape.ts';
import type { TokenVerifier } from './token-verifier.ts';

/** Who is known, see `policies/client-auth.yaml`. */
export interface CallersOptions {
  readonly keys: readonly ClientKeyConfig[];
  /** A file with more of them, which is read again when it changes. */
  readonly keyFile: string | undefined;
  readonly issuers: readonly JwtIssuerConfig[];
}

/** Who calls, once that is certain. */
export interface Caller {
  readonly kind: 'caller';
  readonly identity: string;
  readonly tags: readonly string[];
}

/** What became of a credential. */
export type Identified =
  | Caller
  /** `ours`: it was a credential of this Sluice once, or will be. `detail` is for who sent it. */
  | { readonly kind: 'refused'; readonly detail: string; readonly ours: boolean }
  /** It cannot be judged now: the issuer's keys have not come yet. */
  | { readonly kind: 'unavailable' };

/** Who may call. */
export interface Callers {
  /** Judges a credential. A promise only for a token that has not been seen lately. */
  identify(credential: string): MaybePromise<Identified>;
  close(): Promise<void>;
}

/** What is needed besides the options. */
export interface CallersDeps {
  /** Of the policy. */
  readonly id: string;
  readonly secrets: Secrets;
  readonly issuers: Shared<IssuerKeys>;
  readonly offline?: boolean;
  readonly log: PolicyLogger;
  readonly warn: Env<unknown>['warn'];
}

const unknown: Identified = { kind: 'refused', detail: 'The credential is not known here.', ours: false };

/** Opens what knows the callers. Throws a ConfigError. */
export async function createCallers(options: CallersOptions, deps: CallersDeps): Promise<Callers> {
  const keys = new KeyList(options, deps);
  const issuers = new Map<string, TokenVerifier>();
  const close = async () => {
    keys.close();
    await Promise.all([...issuers.values()].map((issuer) => issuer.close()));
  };
  try {
    for (const [i, config] of options.issuers.entries()) {
      issuers.set(config.issuer, await openIssuer(config, `/jwt/${i}`, issuers.has(config.issuer), deps));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    identify(credential) {
      const holder = keys.find(credential);
      if (holder !== undefined) {
        if (holder.expiresAt > Date.now()) return { kind: 'caller', identity: holder.identity, tags: holder.tags };
        return {
          kind: 'refused',
          detail: `The key has expired on ${dayOf(holder.expiresAt)}; use a new one.`,
          ours: true,
        };
      }
      if (issuers.size === 0 || !looksLikeToken(credential)) return unknown;
      const name = issuerOf(credential);
      if (name === undefined) return { kind: 'refused', detail: 'The token is malformed.', ours: false };
      const verifier = issuers.get(name);
      if (verifier === undefined) {
        return { kind: 'refused', detail: 'The issuer of the token is not accepted here.', ours: false };
      }
      return verifier.identify(credential);
    },
    close,
  };
}

function dayOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}
