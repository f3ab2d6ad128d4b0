/** Tokens of callers: those of the issuer whose keys Sluice fetches, and those of others. */
import { type Signer, serviceAccountClaims, sign } from '../support/token-issuer.ts';
import type { PlaceName } from './places.ts';
import { makeSecret, type Secret, secretOf } from './secrets.ts';

type Secrets = Readonly<Record<PlaceName, Secret>>;

/** The issuer whose tokens are accepted. */
export const ISSUER = 'https://issuer.test';

/** The secrets with a signed token in each place of one. Its signature gives it away, and so does a claim of its own. */
export async function withTokens(secrets: Secrets, signer: Signer): Promise<Secrets> {
  const made = async (issuer = ISSUER, changes: object = {}): Promise<Secret> => {
    const { text: jti } = makeSecret('');
    const token = await sign(serviceAccountClaims(issuer, { sub: 'by-token', jti, ...changes }), signer);
    return secretOf(token, token.split('.')[2] ?? '', jti);
  };
  const expired = Math.floor(Date.now() / 1000) - 3600;
  return {
    ...secrets,
    'token of a caller': await made(),
    'expired token': await made(ISSUER, { exp: expired }),
    'token for somebody else': await made(ISSUER, { aud: ['somebody-else'] }),
    'token of an issuer that is not known': await made('https://stranger.test'),
    'token of an issuer that is not known, in shadow mode': await made('https://stranger.test'),
  };
}
