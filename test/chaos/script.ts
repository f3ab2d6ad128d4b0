/** What happens in one exchange: everything that its client, its upstream and its policies are going to do. */

/** Names of the upstreams in the configuration; each has a route `/NAME`. */
export type UpstreamName = 'openai' | 'anthropic' | 'none' | 'drained' | 'refused' | 'hangup' | 'sleepy';

/** What the client sends. */
export interface RequestPlan {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS' | 'HEAD';
  readonly version: '1.1' | '1.0';
  readonly framing: 'none' | 'length' | 'chunked';
  readonly bytes: number;
  /** The body is written in so many pieces with so many milliseconds between. */
  readonly pieces: number;
  readonly pauseMs: number;
  /** Waits for 100 Continue before its body. */
  readonly expect: boolean;
}

/** A client that does not wait for the end. */
export interface Leave {
  /** In its own head, in its own body, some time after the request was sent, or in the response. */
  readonly phase: 'head' | 'body' | 'sent' | 'response';
  /** Share of the head, of the request body or of the response body after which it leaves. */
  readonly share: number;
  /** For `sent`: milliseconds after the request. */
  readonly afterMs: number;
  /** `half` sends FIN and reads on; `fin` closes; `rst` resets. */
  readonly by: 'fin' | 'rst' | 'half';
}

/** How the client behaves besides its request. */
export interface ClientPlan {
  /** Takes the connection that the exchange before it has left, where it may. */
  readonly reuse: boolean;
  readonly leave: Leave | undefined;
  /** After each read it waits so long, at most so many times. One long wait is a client that stalls. */
  readonly readPauseMs: number;
  readonly readPauses: number;
}

/** What the upstream would answer if nothing went wrong. */
export interface ResponsePlan {
  readonly status: number;
  readonly framing: 'length' | 'chunked' | 'close' | 'empty';
  readonly content: 'json' | 'sse' | 'gzip-sse';
  /** Bytes of body; for `sse` roughly. */
  readonly bytes: number;
  /** An event stream ends with its dialect's terminator. */
  readonly terminated: boolean;
  readonly trailers: boolean;
  /** Informational responses before the final one. */
  readonly informational: number;
}

/** What goes wrong upstream. */
export const faultKinds = [
  'none',
  'slow-accept',
  'delay-head',
  'delay-body',
  'split',
  'every-byte',
  'fin',
  'rst',
  'stall',
  'garbage-head',
  'garbage-chunk',
  'slow-read',
  'early-answer',
  'early-hard-close',
  'early-4xx',
  'close-idle',
  'excess',
  'oversized-head',
  'bad-head',
  'unsolicited-101',
  'informational-flood',
  'refused',
  'hangup',
  'ws-refused',
] as const;
/** One kind of fault. */
export type FaultKind = (typeof faultKinds)[number];

/** A fault and where it strikes. */
export interface Fault {
  readonly kind: FaultKind;
  /** Which spot of the response it strikes, for those that cut it. */
  readonly spot: 'before-head' | 'in-head' | 'after-head' | 'anywhere' | 'boundary' | 'before-end';
  /** Where `anywhere` is. */
  readonly share: number;
  readonly ms: number;
  /** Chooses one of several forms, e.g. of a bad head. */
  readonly form: number;
}

/** What the test's own policies do. */
export interface PolicyPlan {
  readonly act: 'none' | 'wait' | 'reply' | 'refuse' | 'throw' | 'abort' | 'retry' | 'greedy';
  readonly ms: number;
}

/** One exchange. */
export interface Script {
  readonly index: number;
  readonly kind: 'http' | 'websocket';
  readonly upstream: UpstreamName;
  /** Below the route; holds the index. */
  readonly path: string;
  readonly request: RequestPlan;
  readonly client: ClientPlan;
  readonly response: ResponsePlan;
  readonly fault: Fault;
  readonly policy: PolicyPlan;
}

/** The path that an index has. */
export function pathOf(index: number, dialect: UpstreamName, variant: number): string {
  const below = dialect === 'anthropic' ? '/v1/messages' : variant === 0 ? '/v1/responses' : '/v1/chat/completions';
  return `${below}/c${index}`;
}

/** The index that a path holds. */
export function indexOf(path: string): number {
  return Number(/\/c(\d+)$/.exec(path)?.[1] ?? -1);
}
