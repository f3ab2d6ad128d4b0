/**
 * Hazards: what goes wrong between a client and an upstream when the proxy between them is careless. Each asserts the
 * right behaviour (RFC 9110, RFC 9112, the laws of the design) on raw sockets and runs against any {@link Target}.
 */
import type { Scope } from '../support/close-after.ts';
import { connectRaw, type RawClient, type RawResponse } from '../support/raw-client.ts';
import {
  type RawScript,
  type RawUpstream,
  type RawUpstreamOptions,
  startRawUpstream,
} from '../support/raw-upstream.ts';

/** One thing that must not go wrong. */
export interface Hazard {
  /** What is right, as a sentence. */
  readonly name: string;
  /** Whether http-proxy-3's native pass stands it too. */
  readonly native: 'fails' | 'passes';
  /** Rejects when the target does not stand it, or never ends. */
  readonly run: (target: Target) => Promise<void>;
}

/** How a target is set up for one hazard; whoever starts it turns this into its own options. */
export interface TargetOptions {
  /** Milliseconds; left out: none that matters here. */
  readonly connectMs?: number;
  readonly firstByteMs?: number;
  readonly idleMs?: number;
  /** Most connections to the upstream. */
  readonly connections?: number;
  /** Largest request head. */
  readonly maxHeaderBytes?: number;
}

/** A proxy under test. It removes the client's `authorization` and sets {@link providerKey} in its place. */
export interface Target {
  readonly name: string;
  /** Cleans up after the hazard. */
  readonly scope: Scope;
  /** Starts it in front of an upstream; resolves with its URL, below which `/v1/…` goes to the upstream's `/v1/…`. */
  start(upstream: string, options?: TargetOptions): Promise<string>;
}

/** What reaches the upstream as `authorization`. */
export const providerKey = 'Bearer key-of-the-provider';

/** The simplest whole answer. */
export const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** An upstream and the target in front of it. */
export interface Stage {
  readonly upstream: RawUpstream;
  readonly url: string;
  connect(): Promise<RawClient>;
  /** Sends bytes on a connection of their own and reads the final response. */
  ask(bytes: string): Promise<RawResponse>;
}

/** Sets up a raw upstream, which sends an answer to each request or plays a script, behind the target. */
export async function stage(
  target: Target,
  answer: string | RawScript,
  options: TargetOptions & Omit<RawUpstreamOptions, 't'> = {},
): Promise<Stage> {
  const script: RawScript = typeof answer === 'string' ? (exchange) => void exchange.write(answer) : answer;
  const upstream = await startRawUpstream(script, { ...options, t: target.scope });
  const url = await target.start(upstream.url, options);
  const connect = () => connectRaw(url, { t: target.scope });
  return {
    upstream,
    url,
    connect,
    ask: async (bytes) => {
      const client = await connect();
      await client.send(bytes);
      return client.response();
    },
  };
}

/** The text of a request: `message('GET /v1/x', 'a: 1')`; a Host line is added unless there is one. */
export function message(start: string, ...lines: string[]): string {
  const host = lines.some((line) => /^host:/i.test(line)) ? [] : ['host: sluice.test'];
  const version = / HTTP\/\d/.test(start) ? '' : ' HTTP/1.1';
  return `${[start + version, ...host, ...lines].join('\r\n')}\r\n\r\n`;
}

/** One chunk of a chunked body (RFC 9112 §7.1). */
export function chunk(data: string): string {
  return `${Buffer.byteLength(data, 'latin1').toString(16)}\r\n${data}\r\n`;
}

/** How many response heads a client has been sent. */
export function responsesIn(client: RawClient): number {
  return client.received.toString('latin1').match(/HTTP\/1\.[01] \d{3}/g)?.length ?? 0;
}

/** Rejects when a promise is not settled in time, with what was awaited. */
export function within<T>(milliseconds: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: nothing within ${milliseconds} ms`)), milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
