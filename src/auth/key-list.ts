/** The keys of `proxy.yaml` and those of a file that is watched: one list, replaced as a whole. */
import { ConfigError } from '../policy.ts';
import { readSmallFile, WatchedFile } from '../resources/watched-file.ts';
import type { CallersDeps, CallersOptions } from './callers.ts';
import { parseKeyFile } from './key-file.ts';
import { BadKeyEntry, type KeyHolder, KeyTable } from './key-table.ts';
import type { ClientKeyConfig } from './schema.ts';

/** See the module. */
export class KeyList {
  readonly #own: readonly ClientKeyConfig[];
  readonly #deps: CallersDeps;
  readonly #file: WatchedFile | undefined;
  #table: KeyTable;

  /** Throws a ConfigError when an entry or the file cannot be used. */
  constructor({ keys, keyFile }: Pick<CallersOptions, 'keys' | 'keyFile'>, deps: CallersDeps) {
    this.#own = keys;
    this.#deps = deps;
    for (const [i, { expires, identity }] of keys.entries()) {
      if (expires !== undefined && Date.parse(expires) <= Date.now())
        deps.warn(`the key of ${identity} has expired; it is refused`, `/keys/${i}/expires`);
    }
    this.#table = tableOf(keys, (message, index) => new ConfigError(message, `/keys/${index}`));
    if (keyFile === undefined) return;
    let text: string;
    try {
      text = readSmallFile(keyFile);
      this.#table = this.#with(text);
    } catch (error) {
      throw new ConfigError(`names a file that cannot be used: ${reasonOf(error)}`, '/key_file');
    }
    const expired = parseKeyFile(text).filter(
      ({ expires }) => expires !== undefined && Date.parse(expires) <= Date.now(),
    );
    for (const { identity } of expired)
      deps.warn(`the file has a key of ${identity} that has expired; it is refused`, '/key_file');
    if (deps.offline) return;
    this.#file = new WatchedFile(keyFile, text, {
      changed: (changed) => this.#reload(changed),
      failed: (error) => this.#complain(error),
    });
  }

  /** Whose key it is; also when it has expired. */
  find(token: string): KeyHolder | undefined {
    return this.#table.find(token);
  }

  close(): void {
    this.#file?.close();
  }

  #with(text: string): KeyTable {
    const inFile = parseKeyFile(text);
    const place = (index: number) =>
      index < this.#own.length ? `entry ${index + 1} of proxy.yaml` : `entry ${index - this.#own.length + 1}`;
    return tableOf([...this.#own, ...inFile], (message, index) => new Error(`${place(index)} ${message}`));
  }

  #reload(text: string): void {
    try {
      this.#table = this.#with(text);
      this.#deps.log.info(
        { policy: this.#deps.id, keys: this.#table.size },
        'the file of client keys has been read again',
      );
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    const reason = reasonOf(error);
    this.#deps.log.error(
      { policy: this.#deps.id, reason },
      'the file of client keys cannot be used; the last keys stay',
    );
  }
}

function tableOf(entries: readonly ClientKeyConfig[], fault: (message: string, index: number) => Error): KeyTable {
  try {
    return new KeyTable(entries);
  } catch (error) {
    throw error instanceof BadKeyEntry ? fault(error.message, error.index) : error;
  }
}

/** Without the path, which the file system's own messages hold. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return 'code' in error ? String(error.code) : error.message;
}
