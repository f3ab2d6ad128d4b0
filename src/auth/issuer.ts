/** From the configuration of an issuer to what judges its tokens; its keys are shared over reloads. */
import { ConfigError } from '../policy.ts';
import { readSmallFile } from '../resources/watched-file.ts';
import { forbiddenHost } from '../upstream/address-guard.ts';
import type { CallersDeps } from './callers.ts';
import { compileClaims } from './claims.ts';
import { fetchKeySet } from './fetch-key-set.ts';
import { IssuerKeys, type IssuerKeysOptions } from './issuer-keys.ts';
import { parseJwkSet } from './jwk-set.ts';
import type { JwtIssuerConfig } from './schema.ts';
import { TokenVerifier } from './token-verifier.ts';

/** Opens an issuer. Throws a ConfigError whose pointer is below `pointer`. */
export async function openIssuer(
  config: JwtIssuerConfig,
  pointer: string,
  isKnown: boolean,
  deps: CallersDeps,
): Promise<TokenVerifier> {
  if (isKnown) throw new ConfigError('names an issuer that is there already', `${pointer}/issuer`);
  // Keys of the same place are the same, whatever else an entry says; a reload that leaves it alone keeps them.
  const shared = JSON.stringify(config.jwks);
  const keys = deps.issuers.acquire(shared, () => {
    const source = sourceOf(config.jwks, `${pointer}/jwks`, deps);
    const { refresh: refreshMs, max_stale: maxStaleMs } = config.jwks;
    const made = new IssuerKeys({ issuer: config.issuer, source, refreshMs, maxStaleMs, log: deps.log });
    if (!deps.offline) made.start();
    return made;
  });
  const jose = await import('jose');
  const release = () => deps.issuers.release(shared);
  return new TokenVerifier({ config, claims: compileClaims(config), keys, jose, release });
}

function sourceOf(jwks: JwtIssuerConfig['jwks'], pointer: string, deps: CallersDeps): IssuerKeysOptions['source'] {
  const { url, file } = jwks;
  if ((url === undefined) === (file === undefined)) throw new ConfigError('needs either `url` or `file`', pointer);
  if (file !== undefined) {
    if (jwks.ca !== undefined || jwks.token !== undefined) {
      throw new ConfigError('has `ca` or `token`, which belong to a `url`', pointer);
    }
    try {
      const text = readSmallFile(file);
      parseJwkSet(text);
      return { kind: 'file', path: file, text };
    } catch (error) {
      const reason = error instanceof Error ? ('code' in error ? String(error.code) : error.message) : 'unknown error';
      throw new ConfigError(`names a file that cannot be used: ${reason}`, `${pointer}/file`);
    }
  }
  const address = new URL(url ?? '');
  const forbidden = forbiddenHost(address.hostname);
  if (forbidden !== undefined && !jwks.allow_private) {
    throw new ConfigError(
      `leads to an address that is not public (${forbidden}); set \`allow_private: true\` if that is meant`,
      `${pointer}/url`,
    );
  }
  if (address.protocol === 'http:' && forbidden !== 'loopback') {
    throw new ConfigError('must be https: whoever changes the keys on their way can make any token', `${pointer}/url`);
  }
  const ref = jwks.token;
  const location = {
    url: address.href,
    ca: jwks.ca?.file,
    token: ref === undefined ? undefined : deps.secrets.acquire(ref),
    allowPrivate: jwks.allow_private,
    egressProxy: jwks.egress_proxy,
  };
  return {
    kind: 'fetch',
    fetch: (signal) => fetchKeySet(location, signal),
    close: () => void (ref === undefined || deps.secrets.release(ref)),
  };
}
