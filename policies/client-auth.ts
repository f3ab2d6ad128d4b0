import Type from 'typebox';
import {
  type Caller,
  ClientKey,
  ConfigError,
  definePolicy,
  holds,
  type Identified,
  JwtIssuer,
  type Problem,
} from '../src/policy.ts';

/** Headers that can carry a credential, by what `accept` calls them. */
const headerOf = {
  bearer: 'authorization',
  'x-api-key': 'x-api-key',
  'x-goog-api-key': 'x-goog-api-key',
  'api-key': 'api-key',
} as const;

type Kind = keyof typeof headerOf;
const kinds = Object.keys(headerOf) as Kind[];

const schema = Type.Object(
  {
    accept: Type.Array(Type.Unsafe<Kind>({ type: 'string', enum: kinds }), {
      default: kinds,
      minItems: 1,
      description: 'Where callers may put their credential; exactly one must be there.',
    }),
    keys: Type.Array(ClientKey, {
      default: [],
      maxItems: 10_000,
      description: 'Keys that callers have, by their hashes.',
    }),
    key_file: Type.Optional(
      Type.Unsafe<string>({
        type: 'string',
        minLength: 1,
        path: true,
        description: 'A YAML or JSON file with a list of further `keys`, read again when it changes.',
      }),
    ),
    jwt: Type.Array(JwtIssuer, {
      default: [],
      maxItems: 8,
      description: 'Issuers whose JSON Web Tokens are accepted.',
    }),
  },
  { additionalProperties: false },
);

/** `Bearer` in any case and one token (RFC 6750 §2.1, RFC 9110 §11.4). */
const bearer = /^bearer +([\w.~+/-]+=*)$/i;
/** What a key may be made of; a comma would be two lines joined. */
const bare = /^[\x21-\x2b\x2d-\x7e]+$/;

/**
 * Lets requests in by who sends them. What it has recognised never goes upstream, not even where the route passes
 * credentials on; so put it before all that looks at the identity.
 */
export const clientAuth = definePolicy({
  name: 'client-auth',
  summary: 'Lets callers in by a key or a JSON Web Token, and says who they are.',
  schema,
  async setup({ config, callers: open, problem }) {
    if (config.keys.length === 0 && config.key_file === undefined && config.jwt.length === 0) {
      throw new ConfigError('needs `keys`, `key_file` or `jwt`; without any nobody could call');
    }
    const callers = await open({ keys: config.keys, keyFile: config.key_file, issuers: config.jwt });
    const accepted = [...new Set(config.accept)];
    const places = accepted.map((kind) => (kind === 'bearer' ? 'Authorization: Bearer' : kind)).join(' or ');
    const refuse = (detail: string, error?: 'invalid_token'): Problem => {
      // RFC 6750 §3: a request without a credential is told the scheme and no error.
      const challenge = `Bearer realm="sluice"${error === undefined ? '' : `, error="${error}"`}`;
      return problem('unauthenticated', { detail, headers: { 'www-authenticate': challenge } });
    };
    const none = refuse(`Nobody is known to send this: put a key or a token into ${places}.`);
    const several = refuse(`More than one credential was sent; send exactly one, in ${places}.`, 'invalid_token');
    const malformed = refuse('The credential is malformed.', 'invalid_token');
    const inAddress = refuse('The credential is in the address too; send it in its header only.', 'invalid_token');
    const unavailable = problem('auth_unavailable', {
      detail: 'The keys of the issuer have not come yet; try again.',
      retryAfterMs: 2_000,
    });
    return {
      request(ctx) {
        let kind: Kind | undefined;
        let value = '';
        for (const one of accepted) {
          const name = headerOf[one];
          if (!ctx.in.headers.has(name)) continue;
          const lines = ctx.in.headers.getAll(name);
          if (kind !== undefined || lines.length > 1) return several;
          kind = one;
          value = lines[0] ?? '';
        }
        if (kind === undefined) return none;
        const credential = kind === 'bearer' ? bearer.exec(value)?.[1] : bare.exec(value)?.[0];
        if (credential === undefined) return malformed;
        const take = (found: Identified) => {
          if (found.kind === 'unavailable') return unavailable;
          // Addresses are written down everywhere, and this one would go upstream.
          const isInAddress = holds(ctx.out.path + ctx.out.query, credential);
          if (found.kind === 'caller' || found.ours) ctx.consumeCredential(credential);
          if (found.kind === 'refused') return refuse(found.detail, 'invalid_token');
          if (isInAddress) return inAddress;
          letIn(found);
          return undefined;
        };
        const letIn = ({ identity, tags }: Caller) => {
          ctx.setIdentity(identity);
          for (const tag of tags) ctx.addTag(tag);
        };
        const found = callers.identify(credential);
        return found instanceof Promise ? found.then(take) : take(found);
      },
      close: () => callers.close(),
    };
  },
});
