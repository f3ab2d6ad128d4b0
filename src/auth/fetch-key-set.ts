/**
 * Fetches the keys of an issuer. The issuer may be dead, slow or hostile: time and size are bounded, its certificate is
 * verified, its address is judged by the guard of upstreams, and a redirect is not followed.
 */
import { Client } from 'undici';
import type { Secret } from '../policy.ts';
import { readSmallFile } from '../resources/watched-file.ts';
import { guardedConnector } from '../upstream/connector.ts';

/** Where keys are fetched. */
export interface KeySetLocation {
  readonly url: string;
  /** Path of a PEM file; read for each fetch, for it may be renewed. */
  readonly ca: string | undefined;
  /** Sent as a Bearer token, e.g. the pod's own to the API server. */
  readonly token: Secret | undefined;
  readonly allowPrivate: boolean;
  readonly egressProxy: string;
}

const timeoutMs = 5_000;
const largest = 256 * 1024;

/** The text of a 200 answer. Rejects with an Error that holds no secret; `signal` gives up. */
export async function fetchKeySet(location: KeySetLocation, signal: AbortSignal): Promise<string> {
  const url = new URL(location.url);
  const headers: Record<string, string> = { accept: 'application/jwk-set+json, application/json' };
  if (location.token !== undefined) {
    const token = location.token.value();
    if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) throw new Error('the token for it cannot be read');
    headers.authorization = `Bearer ${token}`;
  }
  const tls = location.ca === undefined ? {} : { ca: Buffer.from(readSmallFile(location.ca)) };
  const { allowPrivate, egressProxy } = location;
  const connect = guardedConnector({
    connectMs: timeoutMs,
    allowPrivate,
    tls,
    egressProxy: egressProxy === '' ? undefined : new URL(egressProxy),
  });
  const client = new Client(url.origin, { connect, allowH2: false, headersTimeout: 0, bodyTimeout: 0 });
  // undici's own timers are coarse; this one is over everything.
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new Error(`no whole answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    const answer = await client.request({
      method: 'GET',
      path: url.pathname + url.search,
      headers,
      signal: AbortSignal.any([signal, deadline.signal]),
    });
    // Aborting destroys the body after its consumer has left, too.
    answer.body.on('error', () => undefined);
    if (answer.statusCode !== 200) throw new Error(`it answered with status ${answer.statusCode}`);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > largest) throw new Error(`its answer is larger than ${largest} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    clearTimeout(timer);
    await client.destroy();
  }
}
