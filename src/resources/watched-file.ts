/** A file whose text is taken up when it changes. {@link WatchedDirectory} says when to look. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { looksOf, WatchedDirectory } from './watched-directory.ts';

/** Larger files are a mistake. */
const largest = 1024 * 1024;

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
  readonly #directory: WatchedDirectory;
  #text: string | undefined;
  /** Undefined when it could not be read. */
  #looks: string | undefined;
  #failing = false;

  /** @param text what has been read of it already; what has changed since then is seen with the first look */
  constructor(path: string, text: string | undefined, listener: FileListener) {
    this.#path = path;
    this.#text = text;
    this.#listener = listener;
    this.#directory = new WatchedDirectory(dirname(path));
    this.#directory.add(() => this.#look());
  }

  close(): void {
    this.#directory.close();
  }

  #look(): void {
    let text: string;
    try {
      const looks = looksOf(statSync(this.#path, { bigint: true }));
      if (looks === this.#looks) return;
      text = readSmallFile(this.#path);
      this.#looks = looks;
    } catch (error) {
      this.#looks = undefined;
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
