/** The part of the configuration that says who may call: keys and tokens, and players behind a caller. */
import { entryOf } from '../support/client-keys.ts';
import { PLAYER_HEADERS } from './client-secrets.ts';
import type { MountedFiles } from './mounted-files.ts';
import type { PlaceName } from './places.ts';
import { type Secret, secretOf } from './secrets.ts';
import { ISSUER } from './tokens.ts';

type Secrets = Readonly<Record<PlaceName, Secret>>;

const passing = { upstream: 'passing', credentials: 'pass', forward_headers: PLAYER_HEADERS };

/** Routes for callers: one whose credentials are stripped, one that passes them, and one that only looks at them. */
export const callerRoutes: readonly object[] = [
  { path: '/callers', upstream: 'openai' },
  { path: '/callers-passing', ...passing },
  { path: '/callers-in-shadow', ...passing },
];

/** Variables with secrets. */
export function callerEnvironment(secrets: Secrets): Record<string, string> {
  return {
    JWKS_TOKEN: secrets['token for the issuer of keys'].text,
    IDENTITY_HASH_KEY: secrets['key of the hashes of identities'].text,
  };
}

/** The policies, to stand before all others. */
export function callerPolicies(secrets: Secrets, jwks: string, { callers }: MountedFiles): object[] {
  const entry = (place: PlaceName, identity: string, more?: object) => entryOf(secrets[place].text, identity, more);
  const auth = (id: string, route: string | readonly string[], mode: string) => ({
    policy: 'client-auth',
    id,
    when: { route },
    mode,
    with: {
      keys: [
        entry('key of a caller as Bearer', 'by-bearer', { tags: ['paid'] }),
        entry('key of a caller as x-api-key', 'by-x-api-key'),
        entry('key of a caller as x-goog-api-key', 'by-x-goog-api-key'),
        entry('expired key of a caller', 'late', { expires: '2020-01-01T00:00:00Z' }),
      ],
      key_file: callers.file,
      jwt: [
        {
          issuer: ISSUER,
          audience: 'sluice',
          jwks: { url: jwks, token: { env: 'JWKS_TOKEN' }, allow_private: true },
          tags: [{ claim: ['kubernetes.io', 'namespace'] }],
        },
      ],
    },
  });
  const routes = ['/callers', '/callers-passing', '/callers-in-shadow'];
  const limit = (id: string, when: object, most: number) => ({
    policy: 'request-rate',
    id,
    when: { route: routes, ...when },
    with: { limit: most, per: '1h', key: 'identity' },
  });
  return [
    auth('callers', ['/callers', '/callers-passing'], 'enforce'),
    auth('callers-in-shadow', '/callers-in-shadow', 'shadow'),
    {
      policy: 'identity',
      when: { route: routes },
      with: { header: 'x-player-id', hash_in_logs: true, hash_key: { env: 'IDENTITY_HASH_KEY' } },
    },
    limit('players', {}, 1_000_000),
    limit('one-of-a-player', { header: { 'x-limit': 'player' } }, 1),
  ];
}

/** Hashes of keys stand in the YAML and belong nowhere else; by name. */
export function hashesOfKeys(yaml: string): [string, Secret][] {
  const hashes = [...new Set(yaml.match(/sha256:[\w-]{22}:[\w-]{43}/g))];
  return hashes.map((hash, i) => [`hash ${i + 1} of a key of a caller`, secretOf(hash, hash.split(':')[2] ?? '')]);
}
