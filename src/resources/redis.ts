/** Redis connections that fail fast, never fail loudly, and come back by themselves. */
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { rememberSecret } from '../telemetry/known-secrets.ts';
import { parseRedisUrl } from './redis-url.ts';
import { writeTogether } from './write-together.ts';

/** `down` until the connection is `ready` again; it is tried for ever. */
export type RedisState = 'connecting' | 'ready' | 'down';

/** A connection and its end. */
export interface RedisResource {
  readonly client: RedisClient;
  /** Closes at once, without waiting for replies. Calling it again does nothing. */
  close(): Promise<void>;
}

/** What {@link createRedis} tells. */
export interface RedisEvents {
  /** Called on each change, the first one after `createRedis` has returned. `reason` holds no secret. */
  onState(state: RedisState, reason?: string): void;
}

/** How Redis is reached. */
export interface RedisSettings {
  /** See {@link parseRedisUrl}. */
  readonly url: string;
  /** PEM, for `rediss` URLs: a certificate authority of one's own, and a certificate where Redis asks for one. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer } | undefined;
  /** Of the Sentinels themselves, which may differ from Redis' own. */
  readonly sentinelPassword?: string | undefined;
}

/** The client, of one server or of a Cluster; both run scripts. */
export type RedisClient = Redis | Cluster;

/**
 * Opens a connection. It resolves before the connection is there. Commands fail at once while it is not (there is no
 * queue), and are never sent twice. Throws a TypeError for a URL that is none; the message does not contain it.
 *
 * ioredis is loaded here and not before: a configuration without Redis does not pay for it.
 */
export async function createRedis(settings: RedisSettings, events: RedisEvents): Promise<RedisResource> {
  const address = parseRedisUrl(settings.url);
  const { Redis, Cluster } = await import('ioredis');
  const { kind, hosts, db, username, password } = address;
  rememberSecret(password);
  rememberSecret(settings.sentinelPassword);
  const tls = address.tls ? { tls: { ...settings.tls } } : {};
  const options = {
    db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...tls,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 500,
    // Callers keep their own, shorter clock, which allows for this process being held up; ioredis' timers do not, and would
    // give up replies that lie in the socket already. This one is for a connection on which nothing will ever come.
    socketTimeout: 5000,
    disconnectTimeout: 200,
    disableClientInfo: true,
    retryStrategy: backoff,
  } satisfies RedisOptions;
  const client = open();

  function open(): RedisClient {
    if (kind === 'cluster') {
      const { retryStrategy: _, db: __, ...redisOptions } = options;
      return new Cluster(
        hosts.map((host) => ({ ...host })),
        {
          redisOptions,
          // A node is connected to when it is needed, and what comes in the meantime must wait for it, not fail.
          enableOfflineQueue: true,
          clusterRetryStrategy: backoff,
          slotsRefreshTimeout: 1000,
          // A shard that was failed over without a word of ours being answered by MOVED is found by asking again.
          slotsRefreshInterval: 5000,
          maxRedirections: 3,
          // Whoever waits falls back to memory; nothing is sent again later, when it has been counted there.
          retryDelayOnFailover: 0,
          retryDelayOnClusterDown: 0,
          // A certificate names hosts, where a Cluster announces addresses.
          dnsLookup: (name, callback) => callback(null, name),
        },
      );
    }
    if (kind === 'single') return new Redis({ ...options, ...hosts[0] });
    return new Redis({
      ...options,
      sentinels: hosts.map((host) => ({ ...host })),
      name: address.name,
      sentinelRetryStrategy: backoff,
      failoverDetector: true,
      ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: { ...settings.tls } } : {}),
      ...(settings.sentinelPassword === undefined ? {} : { sentinelPassword: settings.sentinelPassword }),
    });
  }

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
    reason = sanitiseRedisError(error, password);
    if (settings.sentinelPassword) reason = reason.replaceAll(settings.sentinelPassword, '***');
    // Where no Sentinel names a primary there is no connection that could close.
    if (kind === 'sentinel' && state === 'connecting') change('down');
    // A reply that nobody waits for: from here on every reply would go to the wrong command.
    if (!resyncing && reason.startsWith('Command queue state error')) {
      resyncing = true;
      client.disconnect(true);
    }
  });
  client.on('connect', () => {
    // A Cluster has a connection to each of its nodes, and tells of none of them.
    if ('stream' in client) writeTogether(client.stream);
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

function end(client: RedisClient): Promise<void> {
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

/**
 * The message of an error of ioredis, in one bounded line without the password. Never log the error itself: it holds
 * the command with its arguments, which for AUTH is the password.
 */
export function sanitiseRedisError(error: unknown, password?: string): string {
  let text = error instanceof Error ? error.message : String(error);
  // Where a name has several addresses, the message is empty and the code says what happened.
  if (text === '' && error instanceof Error && 'code' in error) text = String(error.code);
  if (text.startsWith("Stream isn't writeable")) text = 'Redis is not connected';
  if (text.startsWith('Reached the max retries per request')) text = 'the connection was lost';
  if (password !== undefined && password !== '') text = text.replaceAll(password, '***');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be replaced.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 200);
}
