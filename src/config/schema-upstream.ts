/** The schema of one upstream: where it is, how it speaks, what it may cost. */
import Type from 'typebox';
import { Duration, FileRef, OneOf, UpstreamUrl, Url } from './types.ts';

const closed = { additionalProperties: false } as const;

/** The dialects that Sluice knows; see FACTS of each provider in `src/llm/dialects.ts`. */
export const Dialects = [
  'openai',
  'anthropic',
  'gemini',
  'openrouter',
  'mistral',
  'azure-openai',
  'ollama',
  'none',
] as const;

const Timeouts = Type.Object(
  {
    connect: Duration({ default: '5s', description: 'DNS, TCP and TLS of a new connection. 0 switches it off.' }),
    first_byte: Duration({ default: '2m', description: "From sending the request to the response's first byte." }),
    idle: Duration({ default: '60s', description: 'Between two reads from the upstream.' }),
    total: Duration({ default: '30m', description: 'The whole attempt.' }),
  },
  { ...closed, default: {} },
);

const Pool = Type.Object(
  {
    connections: Type.Integer({ minimum: 1, default: 512, description: 'Most connections to this upstream.' }),
    queue: Type.Integer({ minimum: 0, default: 1024, description: 'Most requests that wait for a connection.' }),
    max_age: Duration({
      default: '5m',
      description:
        'A connection takes no new request after so long, so that changes of DNS are picked up. 0: no limit.',
    }),
  },
  { ...closed, default: {} },
);

/** `tls` of what is connected to. */
export const Tls = Type.Object(
  {
    ca: Type.Optional(FileRef),
    cert: Type.Optional(FileRef),
    key: Type.Optional(FileRef),
  },
  { ...closed, description: 'A private CA, and a client certificate where one is asked for (PEM).' },
);

/** One entry of `upstreams`. */
export const Upstream = Type.Object(
  {
    url: UpstreamUrl('http(s) URL; a path is put before the rest.'),
    dialect: OneOf(Dialects, { default: 'none', description: 'How the provider speaks.' }),
    timeouts: Timeouts,
    pool: Pool,
    allow_private: Type.Boolean({
      default: false,
      description: 'Allow loopback, link-local and private addresses (Ollama, vLLM, PrivateLink, tests).',
    }),
    tls: Type.Optional(Tls),
    egress_proxy: Url(
      { schemes: ['http'], empty: true, credentials: true },
      { default: '', description: 'http:// URL of a CONNECT proxy; empty: none.' },
    ),
  },
  closed,
);
