/**
 * A directory under watch. A mounted Secret or ConfigMap changes by the swap of its `..data` link, and a watch of the file
 * itself dies with the first swap; so the directory is watched. Where no events come (NFS, FUSE, a link that leads out of
 * the directory, no watches left in the kernel) the poll finds the change.
 */
import { type BigIntStats, type FSWatcher, watch } from 'node:fs';
import type { Closable } from './shared.ts';

/** How often listeners look even though no event came. A look is one `stat`. */
const pollMs = 1_000;
/** After an event: a swap is several events, and who writes a file in place needs a moment. */
const settleMs = 50;
/** After so many events between two polls the rest is left to the poll: each costs some 20 µs, also one of files that nobody cares for. */
const mostEvents = 100;

/** Tells one state of a file from another: a swap brings another inode, writing in place another time. */
export function looksOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** See the module. It keeps no process alive. */
export class WatchedDirectory implements Closable {
  readonly #path: string;
  readonly #listeners = new Set<() => void>();
  readonly #poll: NodeJS.Timeout;
  #watcher: FSWatcher | undefined;
  #settling: NodeJS.Timeout | undefined;
  /** Since the last poll. */
  #events = 0;

  constructor(path: string) {
    this.#path = path;
    this.#poll = setInterval(() => this.#look(), pollMs);
    this.#poll.unref();
    this.#watch();
  }

  /** `listener` looks at what it cares for; it is called after events and with each poll, and must not throw. */
  add(listener: () => void): void {
    this.#listeners.add(listener);
  }

  remove(listener: () => void): void {
    this.#listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#settling);
    this.#settling = undefined;
    this.#unwatch();
  }

  #look(): void {
    this.#events = 0;
    // A directory that was not there yet or was too busy, or a watch that has failed: the next one may last.
    if (this.#watcher === undefined) this.#watch();
    for (const listener of this.#listeners) listener();
  }

  #watch(): void {
    try {
      const watcher = watch(this.#path, { persistent: false }, () => this.#changed());
      watcher.on('error', () => this.#unwatch());
      this.#watcher = watcher;
    } catch {
      // The poll goes on.
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** The first event sets the time: a directory in which something changes all the time would put it off for ever. */
  #changed(): void {
    if (++this.#events === mostEvents) this.#unwatch();
    if (this.#settling !== undefined) return;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      for (const listener of this.#listeners) listener();
    }, settleMs);
    this.#settling.unref();
  }
}
