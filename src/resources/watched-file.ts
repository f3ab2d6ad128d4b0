/**
 * A file whose content is taken up when it changes, as Kubernetes changes it too: a mounted Secret or ConfigMap swaps the
 * link `..data` beside the file, which a watch on the file itself does not see (and does not survive). So its folder is
 * watched, and every so often the file is read anyway: watches fail silently on some file systems.
 */
import { closeSync, constants, type FSWatcher, fstatSync, openSync, readSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** Larger files are a mistake. */
const largest = 1024 * 1024;
/** Events of one swap come in a burst. */
const settleMs = 30;
const pollMs = 30_000;

/** What is told of a watched file. */
export interface FileListener {
  /** Its text, whenever it is another one than before. */
  changed(text: string): void;
  /** It cannot be read (any more); said once until it can be. The error may hold its path. */
  failed(error: unknown): void;
}

/**
 * The whole text of a regular file of at most 1 MiB. Throws what the file system throws, or a plain Error.
 * Synchronous: such files are small, and who reads one needs it before going on.
 */
export function readSmallFile(path: string): string {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw new Error('it is no regular file');
    const buffer = Buffer.alloc(Math.min(largest, fstatSync(fd).size) + 1);
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(fd, buffer, length, buffer.length - length, null);
      if (read === 0) break;
      length += read;
    }
    if (length > largest) throw new Error('it is larger than 1 MiB');
    if (length === buffer.length) throw new Error('it grew while it was read');
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}

/** See the module. */
export class WatchedFile {
  readonly #path: string;
  readonly #listener: FileListener;
  readonly #poll: NodeJS.Timeout;
  #text: string | undefined;
  #failing = false;
  #watcher: FSWatcher | undefined;
  #settling: NodeJS.Timeout | undefined;

  /** @param text what has been read of it already */
  constructor(path: string, text: string | undefined, listener: FileListener) {
    this.#path = path;
    this.#text = text;
    this.#listener = listener;
    this.#watch();
    this.#poll = setInterval(() => {
      if (this.#watcher === undefined) this.#watch();
      this.#look();
    }, pollMs).unref();
    // What changed between that reading and the watch.
    this.#soon();
  }

  close(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#settling);
    this.#watcher?.close();
  }

  #watch(): void {
    try {
      const watcher = watch(dirname(this.#path), { persistent: false }, () => this.#soon());
      watcher.on('error', () => {
        watcher.close();
        this.#watcher = undefined;
      });
      this.#watcher = watcher;
    } catch {
      // The folder is not there, or the system has no watches left: the poll goes on.
      this.#watcher = undefined;
    }
  }

  #soon(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#look();
    }, settleMs).unref();
  }

  #look(): void {
    let text: string;
    try {
      text = readSmallFile(this.#path);
    } catch (error) {
      if (!this.#failing) this.#listener.failed(error);
      this.#failing = true;
      return;
    }
    this.#failing = false;
    if (text === this.#text) return;
    this.#text = text;
    this.#listener.changed(text);
  }
}
