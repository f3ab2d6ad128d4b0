/** What the configuration says of callers: one key by its hash, one issuer of tokens. */
import Type, { type Static } from 'typebox';
import { Duration, FileRef, OneOrMany, SecretSource, Url } from '../config/types.ts';

const closed = { additionalProperties: false } as const;

/** What an identity may be made of: visible ASCII, so that it can stand in a log line and in a key of a limit. */
const identityText = '^[\\x21-\\x7e]{1,256}$';
/** What a tag may be made of. */
const tagText = '^[\\w.:/@+-]{1,64}$';
/** Most tags of one caller. */
const mostTags = 16;

const Tag = Type.String({
  pattern: tagText,
  public: true,
  expects: 'a tag: 1 to 64 letters, digits or any of _ . : / @ + -',
});

/** One key that a caller may have, as `sluice hash-key` prints it. */
export const ClientKey = Type.Object(
  {
    hash: Type.String({
      pattern: '^sha256:[\\w-]{22}:[\\w-]{43}$',
      description: 'The salted hash that `sluice hash-key` prints.',
      expects: 'what `sluice hash-key` prints: sha256:SALT:DIGEST',
    }),
    identity: Type.String({
      pattern: identityText,
      public: true,
      description: 'Who calls with it.',
      expects: 'an identity: 1 to 256 visible ASCII characters without spaces',
    }),
    tags: Type.Array(Tag, { default: [], maxItems: mostTags, description: 'For `when: { tag }` of later policies.' }),
    expires: Type.Optional(
      Type.String({
        pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{1,9})?(?:Z|[+-]\\d\\d:\\d\\d)$',
        public: true,
        description: 'From then on it is refused (RFC 3339).',
        expects: 'a time as RFC 3339 has it, e.g. 2027-01-31T00:00:00Z',
      }),
    ),
  },
  closed,
);

/** A validated {@link ClientKey}. */
export type ClientKeyConfig = Static<typeof ClientKey>;

const claimName = { type: 'string', minLength: 1, maxLength: 256 };

/** A name is taken whole, dots and all; a list leads into objects. */
const Claim = (description: string, options: { default?: string } = {}) =>
  OneOrMany(claimName, `${description} A name is taken whole, dots and all; a list leads into objects.`, options);

/** Algorithms of signatures that anybody can check and only the issuer can make; `none` and HMAC are not among them. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const KeySet = Type.Object(
  {
    url: Type.Optional(
      Url(
        { schemes: ['https', 'http'], rest: 'query' },
        { description: 'Where the issuer publishes its keys; https, or http on the loopback.' },
      ),
    ),
    file: Type.Optional(
      Type.Unsafe<string>({ type: 'string', minLength: 1, path: true, description: 'A file with the keys instead.' }),
    ),
    ca: Type.Optional(FileRef),
    token: Type.Optional(SecretSource),
    allow_private: Type.Boolean({ default: false, description: 'Allow a private address, e.g. of the API server.' }),
    egress_proxy: Url(
      { schemes: ['http'], empty: true, credentials: true },
      { default: '', description: 'http:// URL of a CONNECT proxy; empty: none.' },
    ),
    refresh: Duration({ default: '10m', min: '1m', description: 'How often the keys are fetched again.' }),
    max_stale: Duration({
      default: '24h',
      min: '1m',
      description: 'How long the last keys count while the issuer does not answer.',
    }),
  },
  { ...closed, description: 'The public keys of the issuer (a JSON Web Key Set): `url` or `file`.', public: true },
);

/** One issuer of JSON Web Tokens. */
export const JwtIssuer = Type.Object(
  {
    issuer: Type.String({ minLength: 1, maxLength: 512, description: 'The `iss` of its tokens, exactly.' }),
    audience: OneOrMany({ type: 'string', minLength: 1, maxLength: 512 }, 'One of these must be in `aud`.'),
    jwks: KeySet,
    algorithms: Type.Array(Type.Unsafe<string>({ type: 'string', enum: algorithms }), {
      default: ['RS256', 'ES256', 'EdDSA'],
      minItems: 1,
      description: 'Signatures that are accepted.',
    }),
    clock_skew: Duration({ default: '30s', max: '10m', description: 'How far the clocks may be apart.' }),
    identity: Claim('The claim that says who calls.', { default: 'sub' }),
    identity_prefix: Type.String({
      default: '',
      maxLength: 64,
      pattern: '^[\\x21-\\x7e]*$',
      description: 'Put before it, so that two issuers cannot name the same caller.',
    }),
    tags: Type.Array(
      Type.Object(
        {
          claim: Claim('A text or a list of texts.'),
          value: Type.Optional(Type.String({ description: 'Only where the claim is this or holds it.' })),
          tag: Type.Optional(Tag),
        },
        closed,
      ),
      {
        default: [],
        maxItems: 32,
        description: 'Claims that become tags: `claim` as it is, or `claim` = `value` as `tag`.',
      },
    ),
  },
  closed,
);

/** A validated {@link JwtIssuer}. */
export type JwtIssuerConfig = Static<typeof JwtIssuer>;

const identityPattern = new RegExp(identityText);
const tagPattern = new RegExp(tagText);

/** Whether a text from a token can be an identity. */
export function isIdentity(text: string): boolean {
  return identityPattern.test(text);
}

/** Whether a text from a token can be a tag. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Most tags of one caller: a token may claim thousands. */
export const MAX_TAGS = mostTags;
