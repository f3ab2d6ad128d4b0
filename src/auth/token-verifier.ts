/**
 * Judges tokens of one issuer. What has been verified is remembered by the token's hash until it expires or its key is
 * withdrawn: a caller sends the same token with each request, and a signature costs 50 µs and a turn of the event loop.
 */
import { hash } from 'node:crypto';
import type * as Jose from 'jose';
import type { MaybePromise } from '../policy.ts';
import type { Caller, Identified } from './callers.ts';
import type { ClaimReader } from './claims.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import type { SigningKey } from './jwk-set.ts';
import type { JwtIssuerConfig } from './schema.ts';
import { headerOf, type TokenHeader } from './token-shape.ts';

/** Most tokens that are remembered. */
const MAX_REMEMBERED = 1_000;

/** What a verifier works with. */
export interface VerifierDeps {
  readonly config: Pick<JwtIssuerConfig, 'issuer' | 'audience' | 'algorithms' | 'clock_skew'>;
  readonly claims: ClaimReader;
  readonly keys: IssuerKeys;
  /** Loaded only where a configuration knows an issuer. */
  readonly jose: Pick<typeof Jose, 'jwtVerify' | 'errors'>;
  /** Lets go of the keys. */
  release(): Promise<void>;
}

interface Remembered {
  readonly caller: Caller;
  readonly key: SigningKey;
  /** Milliseconds since 1970. */
  readonly until: number;
}

const refused = (detail: string, ours = false): Identified => ({ kind: 'refused', detail, ours });
const unknownKey = refused('The token was signed with a key that its issuer does not publish.');

/** See the module. */
export class TokenVerifier {
  readonly #deps: VerifierDeps;
  readonly #algorithms: ReadonlySet<string>;
  /** In the order of their last use. */
  readonly #remembered = new Map<string, Remembered>();

  constructor(deps: VerifierDeps) {
    this.#deps = deps;
    this.#algorithms = new Set(deps.config.algorithms);
  }

  /** Judges a token whose `iss` says that it is of this issuer. */
  identify(token: string): MaybePromise<Identified> {
    const print = hash('sha256', token, 'base64url');
    const known = this.#recall(print);
    if (known !== undefined) return known;
    const header = headerOf(token, this.#algorithms);
    if (typeof header === 'string') return refused(header);
    return this.#judge(token, print, header);
  }

  async close(): Promise<void> {
    this.#remembered.clear();
    await this.#deps.release();
  }

  #recall(print: string): Caller | undefined {
    const found = this.#remembered.get(print);
    if (found === undefined) return undefined;
    this.#remembered.delete(print);
    if (found.until <= Date.now() || !this.#deps.keys.holds(found.key)) return undefined;
    this.#remembered.set(print, found);
    return found.caller;
  }

  async #judge(token: string, print: string, { kid, alg }: TokenHeader): Promise<Identified> {
    const { keys } = this.#deps;
    if (!keys.ready) await keys.firstKeys();
    if (!keys.ready) return { kind: 'unavailable' };
    let key = keys.find(kid, alg);
    if (key === undefined) {
      await keys.askForUnknown();
      key = keys.find(kid, alg);
    }
    return key === undefined ? unknownKey : this.#verify(token, print, alg, key);
  }

  async #verify(token: string, print: string, alg: string, key: SigningKey): Promise<Identified> {
    const { config, claims, jose } = this.#deps;
    try {
      const { payload } = await jose.jwtVerify(token, key.key, {
        algorithms: [alg],
        issuer: config.issuer,
        audience: config.audience,
        clockTolerance: config.clock_skew / 1000,
        requiredClaims: ['exp'],
      });
      const identity = claims.identity(payload);
      if (identity === undefined) return refused('The token names nobody that could be an identity here.', true);
      const caller: Caller = { kind: 'caller', identity, tags: claims.tags(payload) };
      const until = (payload.exp ?? 0) * 1000 + config.clock_skew;
      this.#remember(print, { caller, key, until });
      return caller;
    } catch (error) {
      return this.#refusal(error);
    }
  }

  #remember(print: string, one: Remembered): void {
    if (this.#remembered.size >= MAX_REMEMBERED) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(print, one);
  }

  /** jose looks at the claims only once the signature is right, and at the times last. */
  #refusal(error: unknown): Identified {
    const { errors } = this.#deps.jose;
    if (error instanceof errors.JWTExpired) return refused('The token has expired.', true);
    if (error instanceof errors.JWTClaimValidationFailed) {
      switch (error.claim) {
        case 'aud':
          return refused('The token is meant for another audience.');
        case 'nbf':
          return refused('The token is not valid yet.', true);
        case 'exp':
          return refused('The token does not say when it expires.');
        default:
          return refused('The claims of the token are not accepted here.');
      }
    }
    if (error instanceof errors.JWSSignatureVerificationFailed) return refused('The signature of the token is wrong.');
    if (error instanceof errors.JOSEError) return refused('The token is malformed.');
    throw error;
  }
}
