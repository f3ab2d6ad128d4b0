/** The schemas of `listen` and `server`: where clients come in, what they may ask of the sidecar, and what it may cost. */
import Type from 'typebox';
import { Duration, Percent, Size } from './types.ts';

const closed = { additionalProperties: false } as const;

const address = { type: 'string', listen: true } as const;

const Listener = Type.Object(
  {
    address: Type.Unsafe<string>({ ...address, description: 'host:port.' }),
    // Defaults are not filled in within a union.
    trust_inbound_trace: Type.Optional(
      Type.Boolean({
        description: "true, the default: continue the trace of the client's traceparent. false: begin a new one.",
      }),
    ),
  },
  closed,
);

/** One listener as validated. */
export type ListenEntry = string | Type.Static<typeof Listener>;

const listenEntry = { anyOf: [address, Listener] };

/** `listen`. */
export const Listen = Type.Unsafe<ListenEntry | ListenEntry[]>({
  anyOf: [address, Listener, { type: 'array', items: listenEntry, minItems: 1 }],
  default: 'localhost:7480',
  description:
    'host:port, one or a list; localhost means 127.0.0.1 and ::1. Or a map with `address` and `trust_inbound_trace`.',
});

const Shed = Type.Object(
  {
    memory: Percent({
      default: '90%',
      description:
        'Share of the memory limit (cgroup or heap) above which new requests get 503 overloaded. 100%: never.',
    }),
  },
  { ...closed, default: {} },
);

/** `server`. */
export const Server = Type.Object(
  {
    drain: Duration({ default: '25s', description: 'After SIGTERM: wait so long for running exchanges.' }),
    max_header_bytes: Size({ default: '16KiB', description: 'Largest request header; above it 431.' }),
    max_headers: Type.Integer({ minimum: 1, default: 200, description: 'Most request header lines; above it 431.' }),
    max_url_bytes: Size({ default: '8KiB', description: 'Longest request target; above it 414.' }),
    max_connections: Type.Integer({
      minimum: 1,
      default: 10_000,
      description: 'Most client connections; one more gets 503.',
    }),
    header_timeout: Duration({
      default: '30s',
      description: 'For a request header to arrive; above it 408. 0: no limit.',
    }),
    request_timeout: Duration({
      default: '5m',
      description: 'For a whole request, body included, to arrive; above it 408. 0: no limit.',
    }),
    client_stall: Duration({
      default: '2m',
      description: 'A client that reads nothing of its response for so long is cut off. 0: no limit.',
    }),
    max_peek_bytes: Size({ default: '8MiB', description: 'Largest body that a policy may wait for and hold.' }),
    replay_bytes: Size({
      default: '256KiB',
      description: 'Most bytes of a body kept so that an attempt can be repeated.',
    }),
    held_bytes: Size({ default: '64MiB', description: 'Most bytes of bodies held over all requests.' }),
    shed: Shed,
  },
  { ...closed, default: {} },
);
