/** What a WebSocket handshake is made of: its attempt, and its headers in the form that node:http takes. */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RunningAttempt } from '../pipeline/run.ts';
import type { AttemptHooks, UpstreamInfo } from '../policy.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { HeaderList } from './headers.ts';
import type { ObservedAttempt } from './observer.ts';

/** The one try of a handshake at its upstream. */
export class HandshakeAttempt implements RunningAttempt, ObservedAttempt {
  readonly number = 1;
  readonly hooks: AttemptHooks[] = [];
  readonly runtime: Upstream;
  readonly headers: HeaderList;
  dispatchedAt: number | undefined;
  sentAt: number | undefined;
  answeredAt: number | undefined;
  timings: undefined;
  keyId: string | undefined;
  constructor(runtime: Upstream, headers: HeaderList) {
    this.runtime = runtime;
    this.headers = headers;
  }
  get upstream(): UpstreamInfo {
    return this.runtime.info;
  }
}

/** Fields by lower-cased name, several lines of one name as a list: the form node:http takes and http-proxy-3 copies. */
export function grouped(headers: HeaderList): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {};
  for (const key of new Set(headers.keys)) {
    const lines = headers.getAll(key);
    fields[key] = lines.length === 1 ? (lines[0] ?? '') : [...lines];
  }
  return fields;
}

/** An HTTP response on the socket of a handshake that is not granted; it is closed after it. */
export function respondOn(req: IncomingMessage, socket: Socket): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  res.on('finish', () => socket.destroySoon());
  return res;
}
