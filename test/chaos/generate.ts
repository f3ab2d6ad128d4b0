/** Draws the script of one exchange from the seed and its index: the same two numbers always give the same exchange. */
import { Prng } from './prng.ts';
import type {
  ClientPlan,
  Fault,
  FaultKind,
  PolicyPlan,
  RequestPlan,
  ResponsePlan,
  Script,
  UpstreamName,
} from './script.ts';
import { pathOf } from './script.ts';

const httpFaults: Readonly<Record<Exclude<FaultKind, 'ws-refused'>, number>> = {
  none: 16,
  'slow-accept': 2,
  'delay-head': 4,
  'delay-body': 4,
  split: 8,
  'every-byte': 3,
  fin: 9,
  rst: 7,
  stall: 4,
  'garbage-head': 3,
  'garbage-chunk': 4,
  'slow-read': 3,
  'early-answer': 3,
  'early-hard-close': 3,
  'early-4xx': 3,
  'close-idle': 5,
  excess: 2,
  'oversized-head': 2,
  'bad-head': 3,
  'unsolicited-101': 2,
  'informational-flood': 2,
  refused: 2,
  hangup: 2,
};
const websocketFaults = {
  none: 5,
  split: 2,
  'delay-head': 1,
  fin: 4,
  rst: 3,
  stall: 2,
  'garbage-head': 1,
  'ws-refused': 2,
  refused: 1,
};

/** Makes one script. */
export function makeScript(seed: string, index: number): Script {
  const random = new Prng(`${seed}/${index}`);
  const kind = random.chance(0.04) ? 'websocket' : 'http';
  const fault = makeFault(random, kind);
  const upstream = upstreamOf(random, fault.kind);
  return {
    index,
    kind,
    upstream,
    path: pathOf(index, upstream, random.int(0, 4)),
    request: makeRequest(random, kind),
    client: makeClient(random, fault.kind, kind),
    response: makeResponse(random, fault.kind),
    fault,
    policy: makePolicy(random, kind),
  };
}

function upstreamOf(random: Prng, fault: FaultKind): UpstreamName {
  if (fault === 'refused' || fault === 'hangup') return fault;
  if (fault === 'slow-accept') return 'sleepy';
  return random.weighted({ openai: 4, anthropic: 3, none: 3, drained: 1 });
}

function makeFault(random: Prng, kind: Script['kind']): Fault {
  return {
    kind: kind === 'http' ? random.weighted(httpFaults) : random.weighted(websocketFaults),
    spot: random.weighted({
      'before-head': 2,
      'in-head': 1,
      'after-head': 2,
      anywhere: 6,
      boundary: 3,
      'before-end': 2,
    }),
    share: random.share(),
    ms: random.int(0, 80),
    form: random.int(0, 99),
  };
}

function makeRequest(random: Prng, kind: Script['kind']): RequestPlan {
  const plain = { framing: 'none', bytes: 0, pieces: 1, pauseMs: 0, expect: false } as const;
  if (kind === 'websocket')
    return { ...plain, method: 'GET', version: '1.1', bytes: random.size(1, 20_000), pieces: 3, pauseMs: 2 };
  const method = random.weighted({ POST: 70, GET: 12, PUT: 5, DELETE: 5, OPTIONS: 3, HEAD: 5 });
  const version = random.chance(0.05) ? '1.0' : '1.1';
  const withBody =
    method === 'POST' || method === 'PUT' || (method !== 'HEAD' && method !== 'GET' && random.chance(0.6));
  if (!withBody) return { ...plain, method, version };
  const slow = random.chance(0.12);
  const bytes = random.chance(0.1) ? random.size(100_000, 600_000) : random.size(1, 30_000);
  return {
    method,
    version,
    framing: version === '1.0' || random.chance(0.6) ? 'length' : 'chunked',
    bytes,
    pieces: slow ? random.int(2, 8) : random.int(1, 3),
    pauseMs: slow ? random.int(5, 60) : 0,
    expect: version === '1.1' && random.chance(0.06),
  };
}

function makeClient(random: Prng, fault: FaultKind, kind: Script['kind']): ClientPlan {
  const leaves = random.chance(fault === 'stall' ? 0.5 : fault === 'none' || fault === 'delay-body' ? 0.3 : 0.1);
  // A WebSocket on which nothing moves is idle, whoever it is that waits.
  const slow = random.weighted({ no: 84, slowly: 12, stalls: kind === 'http' ? 4 : 0 });
  return {
    reuse: random.chance(0.75),
    leave: leaves
      ? {
          phase: random.weighted({ head: 1, body: 3, sent: 4, response: 4 }),
          share: random.share(),
          afterMs: random.int(0, 60),
          by: random.weighted({ fin: 4, rst: 3, half: 2 }),
        }
      : undefined,
    readPauseMs: slow === 'no' ? 0 : slow === 'slowly' ? random.int(1, 30) : random.int(300, 2200),
    readPauses: slow === 'no' ? 0 : slow === 'slowly' ? random.int(3, 30) : 1,
  };
}

function makeResponse(random: Prng, fault: FaultKind): ResponsePlan {
  const content = random.weighted({ json: 45, sse: 50, 'gzip-sse': 5 });
  const framing =
    fault === 'garbage-chunk'
      ? 'chunked'
      : fault === 'excess'
        ? 'length'
        : content === 'json'
          ? random.weighted({ length: 60, chunked: 30, close: 7, empty: 3 })
          : random.weighted({ chunked: 85, length: 7, close: 8 });
  const huge = content === 'json' && random.chance(0.01);
  const small = fault === 'every-byte';
  const status =
    framing === 'empty'
      ? random.pick([204, 304])
      : random.weighted({ 200: 80, 201: 5, 400: 4, 429: 3, 500: 4, 529: 2 });
  return {
    status: Number(status),
    framing,
    content,
    bytes: small
      ? random.int(1, 200)
      : huge
        ? random.size(500_000, 8_000_000)
        : random.size(1, content === 'json' ? 100_000 : 20_000),
    terminated: random.chance(0.9),
    trailers: framing === 'chunked' && random.chance(0.1),
    informational: random.chance(0.08) ? random.int(1, 3) : 0,
  };
}

function makePolicy(random: Prng, kind: Script['kind']): PolicyPlan {
  const act = random.weighted({ none: 80, wait: 9, reply: 2, refuse: 2, throw: 1, abort: 2, retry: 2, greedy: 2 });
  return { act: kind === 'websocket' && act === 'retry' ? 'none' : act, ms: random.int(1, 80) };
}
