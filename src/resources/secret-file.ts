/**
 * A secret in a file: read once when it is opened, and again, never on the path of a request, when the file changes. What
 * is no secret for a moment (absent, empty, too large, no plain file, in the middle of a swap) leaves the last good value
 * in use; after a minute of it there is no value any more.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Secret } from '../policy.ts';
import { rememberSecret } from '../telemetry/known-secrets.ts';
import { Shared } from './shared.ts';
import { looksOf, WatchedDirectory } from './watched-directory.ts';

/** No key is longer; a larger file is a mistake. */
const largest = 64 * 1024;
/** How long the last good value outlives its file. */
const graceMs = 60_000;
/** Opening a FIFO must not wait for its writer. */
const flags = constants.O_RDONLY | constants.O_NONBLOCK;

/** The directories of key files, watched once each. */
export type Directories = Shared<WatchedDirectory>;

/** Makes the set of watched directories. */
export const watchedDirectories = (): Directories => new Shared<WatchedDirectory>();

/** See the module. */
export class SecretFile implements Secret {
  readonly where = 'key file';
  readonly #path: string;
  readonly #directories: Directories;
  readonly #directory: WatchedDirectory;
  readonly #look = () => void this.refresh();
  readonly #now: () => number;
  #value: string | undefined;
  /** What the file looked like when it was read last; undefined when there was nothing to use. */
  #seen: string | undefined;
  #badSince: number | undefined;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(path: string, directories: Directories, now: () => number = () => performance.now()) {
    this.#path = path;
    this.#directories = directories;
    this.#now = now;
    // Watched before it is read, so that no change lies between.
    const directory = dirname(path);
    this.#directory = directories.acquire(directory, () => new WatchedDirectory(directory));
    this.#directory.add(this.#look);
    this.#readFirst();
  }

  value(): string | undefined {
    return this.#value;
  }

  /** Looks at the file and reads it if it has changed. Never rejects; calls while it looks are one more look after it. */
  refresh(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#readWhileAsked().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#directory.remove(this.#look);
    await this.#directories.release(dirname(this.#path));
  }

  async #readWhileAsked(): Promise<void> {
    do {
      this.#again = false;
      await this.#read();
    } while (this.#again);
  }

  /** At the load of a configuration, where waiting for a disk delays no request. */
  #readFirst(): void {
    try {
      const before = statSync(this.#path, { bigint: true });
      if (!before.isFile()) return;
      const fd = openSync(this.#path, flags);
      try {
        if (!fstatSync(fd).isFile()) return;
        const buffer = Buffer.alloc(largest + 1);
        this.#take(secretIn(buffer, readSync(fd, buffer)), before);
      } finally {
        closeSync(fd);
      }
    } catch {
      // Absent: an error of the requests that need it.
    }
  }

  async #read(): Promise<void> {
    try {
      const before = await stat(this.#path, { bigint: true });
      // With each look, so that the rotations of others do not push out of the list what is in use.
      rememberSecret(this.#value);
      if (this.#seen === looksOf(before)) return;
      if (!before.isFile()) {
        this.#missed();
        return;
      }
      const handle = await open(this.#path, flags);
      try {
        if (!(await handle.stat()).isFile()) {
          this.#missed();
          return;
        }
        const buffer = Buffer.alloc(largest + 1);
        const { bytesRead } = await handle.read(buffer);
        this.#take(secretIn(buffer, bytesRead), before);
      } finally {
        await handle.close();
      }
    } catch {
      this.#missed();
    }
  }

  #take(value: string | undefined, stats: BigIntStats): void {
    if (value === undefined) {
      this.#missed();
      return;
    }
    rememberSecret(value);
    this.#value = value;
    this.#seen = looksOf(stats);
    this.#badSince = undefined;
  }

  #missed(): void {
    this.#seen = undefined;
    this.#badSince ??= this.#now();
    if (this.#now() - this.#badSince >= graceMs) this.#value = undefined;
  }
}

/** The trimmed text; undefined when it is empty or longer than any key. */
function secretIn(buffer: Buffer, length: number): string | undefined {
  if (length > largest) return undefined;
  const text = buffer.toString('utf8', 0, length).trim();
  return text === '' ? undefined : text;
}
