/** What was seen of one exchange from every side: its client, its upstream, its policies. The oracle judges it. */
import type { Head } from './message-reader.ts';
import type { Script } from './script.ts';
import type { Wire } from './wire.ts';

/** How a client's exchange ended. */
export type Terminal =
  /** The framing of the response said that it is whole. */
  | 'complete'
  /** The connection was closed before. */
  | 'closed'
  /** The client left first. */
  | 'left'
  /** Nothing ended it within the bound. */
  | 'stuck';

/** What the client saw. */
export interface ClientRecord {
  startedAt: number;
  /** Milliseconds; set when the client left. */
  leftAt: number | undefined;
  endedAt: number;
  terminal: Terminal | undefined;
  /** How the connection ended, where it did. */
  closedBy: 'fin' | 'reset' | undefined;
  head: Head | undefined;
  interim: number;
  trailers: Head['lines'];
  /** Body bytes that agree with what the upstream would have sent, from its beginning. */
  matched: number;
  /** Body bytes from the first that does not agree, at most 8 KB of them. */
  extra: Buffer;
  /** Framing that cannot be read. */
  broken: string;
  /** Bytes after the end of the response. */
  surplus: number;
  /** Whether the request was written to its end. */
  sent: boolean;
  headSent: boolean;
}

/** One request that the upstream saw. */
export interface UpstreamRecord {
  /** From 0: how often this exchange has been seen before. */
  readonly number: number;
  readonly connection: number;
  /** Which request of its connection it was, from 0. */
  readonly position: number;
  readonly head: Head;
  readonly startedAt: number;
  /** Body bytes that agree with the client's. */
  received: number;
  mismatch: boolean;
  bodyComplete: boolean;
  wire: Wire | undefined;
  /** Bytes of `wire` handed to the socket, without garbage. */
  sent: number;
  /** The response was sent to its end, so that a reader may take it for whole. */
  finished: boolean;
  finishedAt: number;
  /** When the script closed or reset it in the middle. */
  struckAt: number | undefined;
  /** When the connection was seen to be closed by Sluice, or closed by the script. */
  closedAt: number | undefined;
}

/** What one of the test's policies counted of this exchange. */
export interface PolicyRecord {
  requests: number;
  responseStarts: number;
  ends: string[];
  bytes: number;
  chunkBytes: number;
  startedAt: number;
  endedAt: number;
}

/** See the module. */
export interface Exchange {
  readonly script: Script;
  readonly client: ClientRecord;
  readonly attempts: UpstreamRecord[];
  /** By the policy's id. */
  readonly policies: Map<string, PolicyRecord>;
  /** Attempts that Sluice told its policies about. */
  attemptsTold: number;
  violations: string[];
}

/** A new one. */
export function newExchange(script: Script): Exchange {
  return {
    script,
    client: {
      startedAt: performance.now(),
      leftAt: undefined,
      endedAt: 0,
      terminal: undefined,
      closedBy: undefined,
      head: undefined,
      interim: 0,
      trailers: [],
      matched: 0,
      extra: Buffer.alloc(0),
      broken: '',
      surplus: 0,
      sent: false,
      headSent: false,
    },
    attempts: [],
    policies: new Map(),
    attemptsTold: 0,
    violations: [],
  };
}

/** Exchanges under way or not judged yet, by index. What asks for another one has found a leak between exchanges. */
export class Board {
  readonly exchanges = new Map<number, Exchange>();
  /** What cannot be blamed on one exchange. */
  readonly violations: string[] = [];

  complain(exchange: Exchange | undefined, violation: string): void {
    if (exchange !== undefined) exchange.violations.push(violation);
    else this.violations.push(violation);
  }
}
