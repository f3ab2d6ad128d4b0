/** What policies see of messages: a part of the contract in `policy.ts`, which exports all of it. */
import type { MaybePromise } from './policy.ts';

/** Header fields, names in any case. */
export interface HeaderReader {
  /** The value; several lines of one name are joined with `, ` (RFC 9110 §5.3). */
  get(name: string): string | undefined;
  /** Every line of that name, in order. */
  getAll(name: string): readonly string[];
  has(name: string): boolean;
  /** Name (as sent) and value of each line, in order. */
  entries(): IterableIterator<[name: string, value: string]>;
}

/** Header fields that may be edited. Illegal names and values (RFC 9110 §5.5) throw a TypeError. */
export interface HeaderEditor extends HeaderReader {
  /** Replaces every line of that name. */
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  delete(name: string): void;
}

/** The head of a response before it goes to the client. */
export interface ResponseHead {
  readonly status: number;
  /** False when Sluice itself answers. */
  readonly fromUpstream: boolean;
  readonly headers: HeaderEditor;
}

/** The request as the client sent it; nothing in it can be changed. */
export interface InboundRequest {
  readonly method: string;
  /** The path with its route, dot segments resolved, otherwise byte for byte. */
  readonly path: string;
  /** With its `?`, or empty. */
  readonly query: string;
  readonly headers: HeaderReader;
  readonly httpVersion: string;
  /** True for a WebSocket handshake. */
  readonly upgrade: boolean;
}

/** The request as it will go upstream: hop-by-hop headers, the client's credentials and what identifies players are gone. */
export interface OutboundRequest {
  /** The path below the upstream's URL (route stripped): exactly what is sent, and what `when.path` matches. */
  readonly path: string;
  /** With its `?`, or empty. */
  readonly query: string;
  readonly headers: HeaderEditor;
}

/** The request's body, for the few that need it; asking makes the request wait until it is there. */
export interface RequestBody {
  /** Bytes announced by Content-Length; undefined when chunked; 0 when there is no body. */
  readonly declaredLength: number | undefined;
  /** The whole body, at most `max` bytes; it is replayed to the upstream. Undefined when it is longer than `max`. */
  peek(max: number): MaybePromise<Buffer | undefined>;
  /** Ends the exchange with `body_too_large` once more than `max` bytes have come. */
  limit(max: number): void;
}
