/**
 * Watches the files of a configuration and says when they are at rest after a change. Who saves a file writes it in several
 * steps, or moves it away and a new one there; half a configuration may be a valid one, so nothing is read before that.
 */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { looksOf, WatchedDirectory } from '../resources/watched-directory.ts';

/** How long all files must have looked the same. */
const restMs = 500;
/** The same while one is not there, or empty, as a file is between its truncation and its text. */
const absentMs = 5_000;
const absent = '-';

/** What a {@link ConfigWatch} is told and whom it tells. */
export interface ConfigWatchOptions {
  /** The files, asked for with each look: a reload may change them. */
  files(): readonly string[];
  /**
   * Reads them, and acts on what they hold if `still` says that nobody has touched them meanwhile; else it is called again.
   * True when it should be called again in a while though nothing has changed. Must not reject.
   */
  atRest(still: () => Promise<boolean>): Promise<boolean>;
}

/** See the module. It keeps no process alive. Its first rest comes soon after it was made, for what changed before that. */
export class ConfigWatch {
  readonly #options: ConfigWatchOptions;
  readonly #directories = new Map<string, WatchedDirectory>();
  readonly #listener = () => void this.#look();
  #looks = '';
  #looking = false;
  /** Runs until the files count as being at rest. */
  #timer: NodeJS.Timeout | undefined;
  #due = false;
  #closed = false;

  constructor(options: ConfigWatchOptions) {
    this.#options = options;
    void this.#look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#follow([]);
  }

  /** Compares how the files look with how they did. A call while it looks is dropped: the poll makes the next one. */
  async #look(): Promise<void> {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    const same = await this.#same();
    this.#looking = false;
    if (!same || !this.#due || this.#closed) return;
    this.#due = false;
    const looks = this.#looks;
    // Another look may have begun a new rest meanwhile.
    const again = await this.#options.atRest(async () => (await this.#same()) && looks === this.#looks);
    if (again && !this.#closed && this.#timer === undefined) this.#restIn(absentMs);
  }

  /** Whether the files look as they did; if not, their rest begins again. */
  async #same(): Promise<boolean> {
    if (this.#closed) return false;
    const files = this.#options.files();
    this.#follow(files);
    const each = await Promise.all(files.map(looksOfFile));
    const looks = [...files, ...each].join('\n');
    if (looks === this.#looks) return true;
    this.#looks = looks;
    this.#restIn(each.includes(absent) ? absentMs : restMs);
    return false;
  }

  #restIn(ms: number): void {
    if (this.#closed) return;
    this.#due = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#due = true;
      void this.#look();
    }, ms);
    this.#timer.unref();
  }

  /** Watches the directories of these files and no others. */
  #follow(files: readonly string[]): void {
    const wanted = new Set(files.map((file) => dirname(file)));
    for (const [path, directory] of this.#directories) {
      if (wanted.has(path)) continue;
      directory.close();
      this.#directories.delete(path);
    }
    for (const path of wanted) {
      if (this.#directories.has(path)) continue;
      const directory = new WatchedDirectory(path);
      directory.add(this.#listener);
      this.#directories.set(path, directory);
    }
  }
}

/** Links are followed, so that a swap of a ConfigMap's `..data` shows whether or not an event has told of it. */
async function looksOfFile(file: string): Promise<string> {
  try {
    const stats = await stat(file, { bigint: true });
    return stats.size === 0n ? absent : looksOf(stats);
  } catch {
    return absent;
  }
}
