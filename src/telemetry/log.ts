/** The log: pino, JSON lines, redacted, non-blocking. */
import { type Logger, pino } from 'pino';
import { type Burst, createBurst } from './burst.ts';
import { type LineSink, type LogDestination, openDestination } from './log-destination.ts';
import { redactFields, scrub } from './redact.ts';

/** `telemetry.logs.level`. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/**
 * Structured logging. Fields and messages are redacted; errors go into the field `err`. A warning or an error whose `err`
 * was said within the last 10 s (the same message, policy and error, in whatever exchange) is counted and said once more
 * with `repeated`: what breaks a thousand exchanges is two lines, with the request ids of the first and the last.
 */
export interface Log {
  readonly level: LogLevel;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** Says it now; the same message of the same child within 10 s is counted and said once more with `repeated`. */
  once(level: 'info' | 'warn' | 'error', fields: object, message: string): void;
  /** A log whose lines carry these fields too. It shares everything with its parent and needs no closing. */
  child(fields: object): Log;
}

/** The log of one app. */
export interface RootLog extends Log {
  /** False when `level` leaves out info lines, so that the access log need not even build its record. */
  readonly infoEnabled: boolean;
  /** Writes one info line whose members, `"name":value` joined by commas, are JSON already and hold no secret. */
  writeInfo(members: string): void;
  /** Lines dropped because the reader did not keep up. */
  dropped(): number;
  /** Resolves once everything written has left the process, at the latest after a second. Await it before exiting. */
  flush(): Promise<void>;
  /** Says what bursts counted, flushes, and stops. */
  close(): Promise<void>;
}

/** Options of {@link createLog}. */
export interface LogOptions {
  readonly level: LogLevel;
  /** A file descriptor or a sink; stdout by default. */
  readonly destination?: number | LineSink;
  /** How long {@link Log.once} keeps a repeated message back, in milliseconds; 10,000 by default. */
  readonly burstWindowMs?: number;
}

/** Opens the log of one app; close it at the end. */
export function createLog(options: LogOptions): RootLog {
  const withStack = options.level === 'debug' || options.level === 'trace';
  const time = isoTime();
  const destination = openDestination(options.destination ?? 1, (lost) => {
    root.warn({ lost }, 'log lines were dropped because the reader of the log was too slow');
  });
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${time()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redactFields(fields, withStack),
      },
      // Errors have been described by the formatter above; pino's own serializer would add stacks.
      serializers: { err: (described: unknown) => described, msg: scrub },
    },
    destination,
  );
  const burst = createBurst(options.burstWindowMs ?? 10_000);
  const infoEnabled = logger.isLevelEnabled('info');
  const log = new PinoLog(logger, destination, burst, '');

  const root: RootLog = Object.assign(log, {
    infoEnabled,
    writeInfo(members: string) {
      if (infoEnabled) destination.write(`{"level":"info","time":"${time()}",${members}}\n`);
    },
    dropped: () => destination.dropped(),
    flush: () => destination.flush(),
    async close() {
      burst.close();
      await destination.close();
    },
  });
  return root;
}

class PinoLog implements Log {
  readonly level: LogLevel;
  readonly #logger: Logger;
  readonly #destination: LogDestination;
  readonly #burst: Burst;
  readonly #scope: string;

  constructor(logger: Logger, destination: LogDestination, burst: Burst, scope: string) {
    this.level = logger.level as LogLevel; // pino was given one of ours
    this.#logger = logger;
    this.#destination = destination;
    this.#burst = burst;
    this.#scope = scope;
  }

  debug(fields: object, message: string): void {
    this.#logger.debug(fields, message);
  }

  info(fields: object, message: string): void {
    this.#logger.info(fields, message);
  }

  warn(fields: object, message: string): void {
    this.#complain('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#complain('error', fields, message);
  }

  once(level: 'info' | 'warn' | 'error', fields: object, message: string): void {
    this.#once(level, '', fields, message);
  }

  #complain(level: 'warn' | 'error', fields: object, message: string): void {
    const error = errorIn(fields);
    if (error === undefined) this.#say(level, fields, message);
    else this.#once(level, error, fields, message);
  }

  #once(level: 'info' | 'warn' | 'error', what: string, fields: object, message: string): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    this.#burst.once(`${level} ${message} ${this.#scope} ${what}`, fields, message, (last, text, repeated) => {
      this.#say(level, repeated > 0 ? { ...last, repeated } : last, text);
    });
  }

  #say(level: 'info' | 'warn' | 'error', fields: object, message: string): void {
    this.#logger[level](fields, message);
    if (level !== 'info') this.#destination.hurry();
  }

  child(fields: object): Log {
    const safe = redactFields(fields); // pino does not pass a child's fields through its formatters
    const scope = `${this.#scope}${JSON.stringify(safe)}`;
    return new PinoLog(this.#logger.child(safe), this.#destination, this.#burst, scope);
  }
}

/** What tells one error from another: the policy it came from, and its own name, code and text; undefined without `err`. */
function errorIn(fields: object): string | undefined {
  try {
    if (!('err' in fields) || !(fields.err instanceof Error)) return undefined;
    const { err } = fields;
    const policy = 'policy' in fields ? String(fields.policy) : '';
    const code = 'code' in err ? String(err.code) : '';
    return `${policy} ${err.name} ${code} ${String(err.message).slice(0, 256)}`;
  } catch {
    return undefined; // an error that cannot be read is no reason to throw another
  }
}

/** ISO 8601 in UTC with milliseconds; the part up to the second is kept while the second lasts. */
function isoTime(): () => string {
  let second = Number.NaN;
  let prefix = '';
  return () => {
    const now = Date.now();
    const millis = now % 1000;
    if (now - millis !== second) {
      second = now - millis;
      prefix = new Date(second).toISOString().slice(0, 20);
    }
    return `${prefix}${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}Z`;
  };
}
