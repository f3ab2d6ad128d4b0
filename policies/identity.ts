import { createHmac, randomBytes } from 'node:crypto';
import Type from 'typebox';
import { Cidr, OneOf, SecretSource } from '../src/config/types.ts';
import { ConfigError, compileCidrs, compilePattern, definePolicy } from '../src/policy.ts';

const schema = Type.Object(
  {
    header: Type.String({
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$",
      public: true,
      description: 'The header that says who the player is.',
      expects: 'the name of a header',
    }),
    from: Type.Array(Cidr, {
      default: ['127.0.0.0/8', '::1/128'],
      minItems: 1,
      description: 'Peers that are believed: the other end of the connection, whatever X-Forwarded-For says.',
    }),
    pattern: Type.String({
      default: '[\\w.:@-]+',
      maxLength: 256,
      description:
        'The whole value must match: literals, classes, groups, |, * + ? {m,n}, \\d \\w \\s; matched in linear time.',
    }),
    max_length: Type.Integer({ default: 128, minimum: 1, maximum: 256, description: 'Longest value, in characters.' }),
    invalid: OneOf(['deny', 'ignore'], {
      default: 'deny',
      description: 'A value that is not valid, or several: refuse the request, or go on without it.',
    }),
    missing: OneOf(['allow', 'deny'], {
      default: 'allow',
      description: 'A request that does not say it, or comes from a peer that is not believed.',
    }),
    known: OneOf(['combine', 'replace', 'keep'], {
      default: 'combine',
      description: 'Where the caller is known already: CALLER/PLAYER, the player alone, or the caller alone.',
    }),
    forward: Type.Boolean({ default: false, description: 'Let the header go upstream where it has been believed.' }),
    hash_in_logs: Type.Boolean({
      default: false,
      description: 'Logs and spans show a keyed hash of the player instead.',
    }),
    hash_key: Type.Optional(SecretSource),
  },
  { additionalProperties: false },
);

/**
 * Takes the identity from a header that a trusted peer sends, e.g. the game server for its players. Of a peer that is not
 * believed the header is as if it were missing. It never goes upstream unless told to.
 */
export const identity = definePolicy({
  name: 'identity',
  summary: 'Takes the identity from a header of a trusted peer.',
  schema,
  setup({ config, problem, secret, warn }) {
    const { header, max_length: longest, invalid, missing, known, forward } = config;
    let matches: (text: string) => boolean;
    try {
      matches = compilePattern(config.pattern);
    } catch (error) {
      throw new ConfigError(`is not understood: ${error instanceof Error ? error.message : ''}`, '/pattern');
    }
    if (config.hash_key !== undefined && !config.hash_in_logs) {
      throw new ConfigError('does nothing without `hash_in_logs: true`', '/hash_key');
    }
    const believed = compileCidrs(config.from);
    const key = config.hash_key === undefined ? undefined : secret(config.hash_key);
    if (key !== undefined && key.value() === undefined) warn(`is not there: set ${key.where}`, '/hash_key');
    // Without a key of the operator's, hashes of one process are comparable with each other and with nothing else.
    const own = randomBytes(32);
    const hashed = (player: string) =>
      `#${createHmac('sha256', key?.value() ?? own)
        .update(player)
        .digest('base64url')
        .slice(0, 16)}`;
    const absent =
      missing === 'allow'
        ? undefined
        : problem('identity_missing', { detail: `The header ${header}, from a peer that is believed, is needed.` });
    const wrong =
      invalid === 'ignore'
        ? absent
        : problem('identity_invalid', { detail: `The header ${header} must be there once and be a valid identity.` });
    return {
      request(ctx) {
        if (!ctx.in.headers.has(header)) return absent;
        const believes = believed(ctx.peer.ip);
        // An upstream that is told players must not be told one that nobody here believes.
        if (!forward || !believes) ctx.out.headers.delete(header);
        if (!believes) return absent;
        const [player = '', ...others] = ctx.in.headers.getAll(header);
        if (others.length > 0 || player === '' || player.length > longest || !matches(player)) {
          ctx.out.headers.delete(header);
          return wrong;
        }
        const caller = ctx.identity;
        if (caller !== undefined && known === 'keep') return undefined;
        const shown = config.hash_in_logs ? hashed(player) : escapeSlash(player);
        if (caller === undefined || known === 'replace') {
          ctx.setIdentity(player, config.hash_in_logs ? shown : player);
        } else {
          ctx.setIdentity(`${caller}/${escapeSlash(player)}`, `${ctx.identityInLogs}/${shown}`);
        }
        return undefined;
      },
    };
  },
});

/** The last slash of CALLER/PLAYER is then ours: no player can be taken for another caller's. */
function escapeSlash(player: string): string {
  return player.replace(/[%/]/g, encodeURIComponent);
}
