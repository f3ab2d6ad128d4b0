/** Redis connections that fail fast, never fail loudly, and come back by themselves. */
import type { Redis, RedisOptions } from 'ioredis';
import { rememberSecret } from '../telemetry/known-secrets.ts';

/** `down` until the connection is `ready` again; it is tried for ever. */
export type RedisState = 'connecting' | 'ready' | 'down';

/** A connection and its end. */
export interface RedisResource {
  readonly client: Redis;
  /** Closes at once, without waiting for replies. Calling it again does nothing. */
  close(): Promise<void>;
}

/** What {@link createRedis} tells. */
export interface RedisEvents {
  /** Called on each change, the first one after `createRedis` has returned. `reason` holds no secret. */
  onState(state: RedisState, reason?: string): void;
}

/**
 * Opens a connection to a `redis://` or `rediss://` (TLS) URL: `redis[s]://[[user]:password@]host[:port][/db]`.
 * It resolves before the connection is there. Commands fail at once while it is not (there is no queue), and are never
 * sent twice. Throws a TypeError for a URL that is none; the message does not contain it.
 *
 * ioredis is loaded here and not before: a configuration without Redis does not pay for it.
 */
export async function createRedis(url: string, events: RedisEvents): Promise<RedisResource> {
  const address = parseRedisUrl(url);
  rememberSecret(address.password);
  const { Redis } = await import('ioredis');
  const client = new Redis({
    ...address,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 500,
    // Callers with less patience keep their own clock; these two are for a server that has stopped in mid-connection.
    commandTimeout: 500,
    socketTimeout: 400,
    disconnectTimeout: 200,
    disableClientInfo: true,
    retryStrategy: backoff,
  } satisfies RedisOptions);

  let state: RedisState = 'connecting';
  let reason: string | undefined;
  let resyncing = false;
  const change = (next: RedisState) => {
    if (state === next) return;
    state = next;
    events.onState(next, next === 'down' ? (reason ?? 'the connection was lost') : undefined);
    reason = undefined;
  };
  client.on('error', (error: unknown) => {
    reason = sanitiseRedisError(error, address.password);
    // A reply that nobody waits for: from here on every reply would go to the wrong command.
    if (!resyncing && reason.startsWith('Command queue state error')) {
      resyncing = true;
      client.disconnect(true);
    }
  });
  client.on('ready', () => change('ready'));
  client.on('close', () => {
    resyncing = false;
    change('down');
  });
  client.on('end', () => change('down'));

  let closing: Promise<void> | undefined;
  return {
    client,
    close() {
      closing ??= end(client);
      return closing;
    },
  };
}

/** Milliseconds before the next try: 50, doubling to 2,000, with up to a fifth of jitter so that a fleet spreads. */
function backoff(tries: number): number {
  return Math.min(2000, 50 * 2 ** Math.min(tries - 1, 10)) * (0.8 + Math.random() * 0.2);
}

function end(client: Redis): Promise<void> {
  return new Promise((resolve) => {
    // While ioredis waits to reconnect there is no socket, and hence no event to come.
    if (client.status === 'end' || client.status === 'reconnecting') {
      client.disconnect();
      resolve();
      return;
    }
    client.once('end', () => resolve());
    client.disconnect();
  });
}

interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: Record<string, never>;
}

/** Throws a TypeError that says what is expected and holds no part of the URL. */
export function parseRedisUrl(url: string): RedisAddress {
  const expected = 'expected redis://[user:password@]host[:port][/db], or rediss:// for TLS';
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^rediss?:$/.test(parsed.protocol) || parsed.hostname === '') {
    throw new TypeError(`not a Redis URL: ${expected}`);
  }
  const db = /^\/?(\d{0,5})$/.exec(parsed.pathname)?.[1];
  if (db === undefined) throw new TypeError(`the path of a Redis URL is the number of a database: ${expected}`);
  if (parsed.search !== '' || parsed.hash !== '') throw new TypeError(`a Redis URL takes no ? or # part: ${expected}`);
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    db: Number(db),
    ...(parsed.username === '' ? {} : { username: decode(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decode(parsed.password) }),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** A percent sign that encodes nothing stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The message of an error of ioredis, in one bounded line without the password. Never log the error itself: it holds
 * the command with its arguments, which for AUTH is the password.
 */
export function sanitiseRedisError(error: unknown, password?: string): string {
  let text = error instanceof Error ? error.message : String(error);
  // Where a name has several addresses, the message is empty and the code says what happened.
  if (text === '' && error instanceof Error && 'code' in error) text = String(error.code);
  if (text.startsWith("Stream isn't writeable")) text = 'Redis is not connected';
  if (password !== undefined && password !== '') text = text.replaceAll(password, '***');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be replaced.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 200);
}
