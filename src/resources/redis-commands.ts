/**
 * Who issued a Redis command. ioredis tells of its commands through a diagnostics channel that is one for the process;
 * the command's owner says where it belongs, so that two apps do not mix.
 *
 * Whoever runs something that may issue commands enters as their owner and leaves in the same tick. ioredis tells of a
 * command in the very call that writes it, so no context has to be carried through promises. That holds as long as
 * commands are neither queued while offline nor put off to be sent together, which the connection is set up for: a
 * command told of outside any owner's tick (a probe, a handshake) belongs to nobody and is left out.
 */
import { tracingChannel } from 'node:diagnostics_channel';

/** A command that has ended. Never its arguments: they hold keys. */
export interface RedisCommand {
  /** In upper case, e.g. `EVALSHA`. */
  readonly name: string;
  readonly address: string;
  /** Undefined for a Unix socket. */
  readonly port: number | undefined;
  readonly database: number;
  /** By `performance.now()`. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Redis' error code (`READONLY`), the system's (`ECONNRESET`), `timeout`, `disconnected`, or the error's class. */
  readonly errorType: string | undefined;
}

/** Who is told of the commands that it issues. */
export interface CommandOwner {
  /** Called once for each command, when its reply or its failure has come, which may be after the owner's own end. */
  command(command: RedisCommand): void;
}

let current: CommandOwner | undefined;

/** Makes somebody the owner of the commands issued from here on; returns what {@link leave} is to be given. */
export function enter(owner: CommandOwner | undefined): CommandOwner | undefined {
  const before = current;
  current = owner;
  return before;
}

/** Restores the owner before. Must be called in the same tick as `enter`, whatever happens in between. */
export function leave(before: CommandOwner | undefined): void {
  current = before;
}

/** What ioredis 6 says of a command; `args` is not looked at. The same object comes with each event of it. */
interface CommandMessage {
  readonly command: string;
  readonly database: number;
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  readonly error?: unknown;
}

/** Kept on the message itself: a WeakMap that changes with each command would be searched by every collection of garbage. */
const issued = Symbol('issued');
type IssuedMessage = CommandMessage & {
  [issued]?: { readonly owner: CommandOwner; readonly startedAt: number } | undefined;
};

function started(message: unknown): void {
  if (current === undefined) return;
  (message as IssuedMessage)[issued] = { owner: current, startedAt: performance.now() };
}

function settled(message: unknown): void {
  const found = (message as IssuedMessage)[issued];
  if (found === undefined) return;
  // Once only, whatever is told of it later.
  (message as IssuedMessage)[issued] = undefined;
  const { command, database, serverAddress, serverPort, error } = message as CommandMessage;
  found.owner.command({
    name: command.toUpperCase().slice(0, 64),
    address: serverAddress,
    port: serverPort,
    database,
    startedAt: found.startedAt,
    endedAt: performance.now(),
    errorType: error === undefined ? undefined : errorTypeOf(error),
  });
}

function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'other';
  const fromRedis = error.name === 'ReplyError' ? /^[A-Z]{2,32}\b/.exec(error.message)?.[0] : undefined;
  if (fromRedis !== undefined) return fromRedis;
  if (error.message === 'Command timed out') return 'timeout';
  // ioredis gives up what waits when the connection is lost; the class it does so with says how, not what happened.
  if (error.name === 'MaxRetriesPerRequestError' || error.message === 'Connection is closed.') return 'disconnected';
  return 'code' in error && typeof error.code === 'string' ? error.code.slice(0, 64) : error.name.slice(0, 64);
}

let watchers = 0;

/**
 * Begins to tell owners of their commands; returns what ends it. Several apps of a process share one subscription, and
 * while there is none ioredis does nothing for it.
 */
export function watchCommands(): () => void {
  const channel = tracingChannel('ioredis:command');
  watchers += 1;
  if (watchers === 1) {
    channel.start.subscribe(started);
    channel.asyncStart.subscribe(settled);
  }
  let watching = true;
  return () => {
    if (!watching) return;
    watching = false;
    watchers -= 1;
    if (watchers > 0) return;
    channel.start.unsubscribe(started);
    channel.asyncStart.unsubscribe(settled);
  };
}
