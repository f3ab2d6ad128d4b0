/** Reloads of one app, one after the other: those that are asked for, and those that changed files bring. */
import type { FilesRead } from './config/files-read.ts';
import { ConfigWatch } from './config/watch.ts';
import type { PolicyLogger } from './policy.ts';

/** See the module. `T` is what a reload comes to; it must not reject. */
export class Reloads<T> {
  readonly #reload: () => Promise<T>;
  readonly #log: PolicyLogger;
  /** What the last reload, or the start, has read; undefined where nothing is to be watched. */
  readonly read: FilesRead | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #watch: ConfigWatch | undefined;
  #closed = false;

  constructor(reload: () => Promise<T>, log: PolicyLogger, read: FilesRead | undefined) {
    this.#reload = reload;
    this.#log = log;
    this.read = read;
  }

  /** One that was asked for; it happens even though nothing has changed. */
  now(): Promise<T> {
    return this.#next(this.#reload);
  }

  /** From now on, until {@link close}, files that hold something else than what was read bring a reload. */
  watch(): void {
    const { read } = this;
    if (this.#closed || read === undefined) return;
    this.#watch = new ConfigWatch({
      files: () => read.paths,
      // Compared when it is its turn: a SIGHUP for the same edit has then read it already.
      atRest: (still) => this.#next(() => this.#ifChanged(read, still)),
    });
  }

  /** Files bring no reload any more. */
  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }

  async #ifChanged(read: FilesRead, still: () => Promise<boolean>): Promise<boolean> {
    const files = await read.changed();
    if (files.length > 0 && (await still()) && !this.#closed) {
      this.#log.info({ files }, 'configuration files have changed');
      await this.#reload();
    }
    return read.unsettled;
  }

  #next<R>(task: () => Promise<R>): Promise<R> {
    const next = this.#last.then(task);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
