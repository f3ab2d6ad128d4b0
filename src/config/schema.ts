/** The schema of `proxy.yaml`: its types, its defaults and what editors and the README are told. */
import Type from 'typebox';
import { REDIS_SCHEMES } from '../resources/redis-url.ts';
import { Listen, Server } from './schema-server.ts';
import { Tls, Upstream } from './schema-upstream.ts';
import { Cidr, Duration, OneOf, OneOrMany, Percent, SecretSource, Url } from './types.ts';

export { Dialects } from './schema-upstream.ts';

const closed = { additionalProperties: false } as const;
const name = { type: 'string', minLength: 1 } as const;
/** Names of upstreams and ids of policies: labels of metrics, parts of Redis keys. */
const label = '^[A-Za-z0-9_.-]{1,64}$';
const expectsLabel = '1 to 64 letters, digits, ".", "_" or "-"';
/** A field name or method (RFC 9110 §5.6.2). */
const token = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
const headerName = { type: 'string', pattern: token, expects: 'the name of a header' } as const;

const Drain = Type.Object(
  {
    drain: Type.Object(
      {
        max_seconds: Type.Number({ exclusiveMinimum: 0, description: 'Read on for at most so long.' }),
        max_bytes: Type.Integer({ minimum: 1, description: 'Read on for at most so many bytes.' }),
      },
      closed,
    ),
  },
  closed,
);

const Route = Type.Object(
  {
    path: Type.String({
      // Visible ASCII without ? # and \\, and no dot segments: what no request could match is a mistake.
      pattern: '^(?!.*/\\.{1,2}(?:/|$))/[!"$->@-\\[\\]-~]*$',
      description: 'Prefix of the path, stripped. The longest one wins.',
      expects: 'a path that begins with "/", without spaces, dot segments, ? or #',
    }),
    upstream: Type.String({ minLength: 1, description: 'A name of `upstreams`.' }),
    credentials: OneOf(['strip', 'pass'], {
      default: 'strip',
      description:
        "What becomes of the client's own Authorization, x-api-key, api-key and x-goog-api-key, of key, api_key, api-key, apikey and access_token in the query, and of WebSocket subprotocols that carry a key.",
    }),
    on_client_abort: Type.Unsafe<'cancel' | Type.Static<typeof Drain>>({
      anyOf: [{ type: 'string', enum: ['cancel'] }, Drain],
      default: 'cancel',
      description: 'When the client leaves: abort the upstream request at once, or read it to its end within bounds.',
    }),
    forward_headers: Type.Array(Type.Unsafe<string>(headerName), {
      default: [],
      description: 'Client headers that identify players and go upstream all the same, e.g. [cookie].',
    }),
  },
  closed,
);

/** `when`: every key must hold; a list means any of. */
export const When = Type.Object(
  {
    path: Type.Optional(OneOrMany(name, 'Globs over the path that is sent upstream: `*` in a segment, `**` across.')),
    model: Type.Optional(OneOrMany(name, "Globs over the model's name.")),
    method: Type.Optional(OneOrMany({ type: 'string', pattern: token, expects: 'a method such as POST' }, 'Methods.')),
    route: Type.Optional(OneOrMany(name, 'Paths of routes.')),
    upstream: Type.Optional(OneOrMany(name, 'Names of upstreams.')),
    header: Type.Optional(
      Type.Record(Type.String({ pattern: token }), OneOrMany(name, "Globs over the header's value."), {
        ...closed,
        description: 'Request headers: name and globs.',
        expectsKey: 'the name of a header',
      }),
    ),
    client: Type.Optional(OneOrMany(Cidr, "CIDRs of the client's address.")),
    identity: Type.Optional(OneOrMany(name, 'Globs over the identity.')),
    tag: Type.Optional(OneOrMany(name, 'Tags.')),
  },
  { ...closed, minProperties: 1, description: 'When the policy acts: every key must hold, a list means any of.' },
);
/** `when` as validated. */
export type When = Type.Static<typeof When>;

/** One entry of `policies`; its `with` is validated by the policy's own schema. */
export const PolicyEntry = Type.Object(
  {
    policy: Type.String({ minLength: 1, description: 'Name of a policy of the catalogue.' }),
    id: Type.Optional(
      Type.String({ pattern: label, description: "Default: the policy's name.", expects: expectsLabel }),
    ),
    before: Type.Optional(Type.String({ description: 'In an overlay: the id to be put before.' })),
    when: Type.Optional(When),
    enabled: Type.Boolean({ default: true, description: 'A feature flag.' }),
    rollout: Percent({ default: '100%', description: 'Share of clients (by identity, else address) it acts on.' }),
    mode: OneOf(['enforce', 'shadow'], { default: 'enforce', description: 'shadow: decide and count, never apply.' }),
    on_error: OneOf(['deny', 'allow'], { default: 'deny', description: 'What a fault of the policy itself does.' }),
    with: Type.Unsafe<unknown>({ type: 'object', default: {}, description: "The policy's options." }),
  },
  closed,
);

const Telemetry = Type.Object(
  {
    traces: Type.Object(
      {
        endpoint: Url(
          { schemes: ['http', 'https'], empty: true, credentials: true, rest: 'query' },
          { default: '', description: 'OTLP/HTTP base URL, e.g. http://jaeger:4318; empty: off.' },
        ),
        sample: Type.Number({ minimum: 0, maximum: 1, default: 0.01, description: 'Share of new traces recorded.' }),
        keep_errors: Type.Boolean({
          default: true,
          description: 'Export what went wrong even if it is not in that share (5xx, aborts, cut answers, faults).',
        }),
        keep_slow: Duration({
          default: '30s',
          description:
            'And what waited longer for its first byte to the client; a long stream is not slow. 0: none of them.',
        }),
      },
      { ...closed, default: {} },
    ),
    metrics: Type.Object(
      {
        models: Type.Array(Type.String(), {
          default: ['gpt-*', 'claude-*', 'gemini-*'],
          description: 'Globs of model names that may be label values; any other is `other`.',
        }),
      },
      { ...closed, default: {} },
    ),
    usage: OneOf(['auto', 'off'], { default: 'auto', description: 'Read token usage where a dialect is known.' }),
    logs: Type.Object(
      {
        level: OneOf(['silent', 'error', 'warn', 'info', 'debug', 'trace'], { default: 'info' }),
      },
      { ...closed, default: {} },
    ),
  },
  { ...closed, default: {} },
);

/** `proxy.yaml`. */
export const ConfigSchema = Type.Object(
  {
    listen: Listen,
    admin: Type.Unsafe<string>({
      type: 'string',
      listen: true,
      default: 'localhost:7490',
      description: 'host:port of health and metrics.',
    }),
    trusted_proxies: Type.Array(Cidr, { default: [], description: 'Proxies whose X-Forwarded-For is believed.' }),
    upstreams: Type.Record(Type.String({ pattern: label }), Upstream, {
      ...closed,
      description: 'Providers and model servers by name.',
      expectsKey: expectsLabel,
    }),
    routes: Type.Array(Route, { minItems: 1, description: 'Path prefixes and where they lead.' }),
    redis: Type.Object(
      {
        url: Url(
          { schemes: REDIS_SCHEMES, lists: true, empty: true, credentials: true, rest: 'query' },
          {
            default: '',
            description:
              'redis:// URL, rediss:// for TLS, redis+sentinel://host,host/name, redis+cluster://host,host; empty: limits are per process.',
          },
        ),
        tls: Type.Optional(Tls),
        sentinel_password: Type.Optional(SecretSource),
        replicas: Type.Integer({
          minimum: 1,
          maximum: 100_000,
          default: 1,
          description: 'Replicas that share the limits; while Redis does not work each admits its share of them.',
        }),
      },
      { ...closed, default: {} },
    ),
    policies: Type.Array(PolicyEntry, { default: [], description: 'The pipeline, in this order.' }),
    telemetry: Telemetry,
    server: Server,
  },
  closed,
);

/** `proxy.yaml` as validated: defaults filled in, durations in milliseconds, sizes in bytes, shares from 0 to 1. */
export type Config = Omit<Type.Static<typeof ConfigSchema>, 'policies'> & { policies: PolicyEntry[] };
/** One entry of `policies` as validated: `id` is set, `with` has been validated by the policy's schema. */
export type PolicyEntry = Omit<Type.Static<typeof PolicyEntry>, 'id'> & { id: string };
/** One route as validated. */
export type RouteConfig = Config['routes'][number];
/** One upstream as validated. */
export type UpstreamConfig = Config['upstreams'][string];
