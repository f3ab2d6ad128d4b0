/** What the files of a configuration held when they were read last, by which an edit is told from a touch. */
import { hash } from 'node:crypto';
import { isAbsolute } from 'node:path';
import { splitPointer } from './pointer.ts';
import { contentOf, type FileContent, passing } from './read-file.ts';
import type { Config } from './schema.ts';

/** See the module. It holds digests, no text. */
export class FilesRead {
  /** The configuration's own files, from the first load on. */
  readonly #own = new Map<string, string>();
  /** Files that it names; those of the last one that could be used as long as the present one cannot. */
  readonly #named = new Map<string, string>();

  /** Every file, in an order that stays as long as they are the same. */
  get paths(): readonly string[] {
    return [...this.#own.keys(), ...this.#named.keys()];
  }

  /** A load has read one of the configuration's own files. */
  note(file: string, content: FileContent): void {
    this.#own.set(file, printOf(content));
  }

  /**
   * Reads what a configuration names and nobody else watches: certificates of upstreams. Keys of providers, callers and
   * issuers are taken up by whoever uses them; those of Redis take a restart.
   */
  async noteNamed(config: Config): Promise<void> {
    const certificates = Object.values(config.upstreams).flatMap(({ tls }) => [tls?.ca, tls?.cert, tls?.key]);
    const files = certificates.flatMap((ref) => ref?.file ?? []);
    // Most name none, and a start waits for this.
    const read = files.length === 0 ? [] : await printsOf(files);
    this.#named.clear();
    for (const [file, print] of read) this.#named.set(file, print);
  }

  /** Files besides, until the next configuration that can be read. */
  async noteMore(files: readonly string[]): Promise<void> {
    for (const [file, print] of await printsOf(files)) this.#named.set(file, print);
  }

  /** The files that now hold something else, or whose reading says something else. */
  async changed(): Promise<readonly string[]> {
    const known = [...this.#own, ...this.#named];
    const now = await printsOf(known.map(([file]) => file));
    return known.filter(([, print], i) => print !== now[i]?.[1]).map(([file]) => file);
  }

  /** Whether one could not be read for a reason that passes without a change of the file. */
  get unsettled(): boolean {
    return [...this.#own.values(), ...this.#named.values()].some((print) => print.startsWith(passing));
  }
}

/** The files that stand at these places of a configuration. */
export function filesAt(config: Config, pointers: readonly string[]): readonly string[] {
  return pointers.flatMap((pointer) => {
    let value: unknown = config;
    // Maps and lists alike.
    for (const segment of splitPointer(pointer)) value = Object(value)[segment];
    return typeof value === 'string' && isAbsolute(value) ? [value] : [];
  });
}

function printsOf(files: readonly string[]): Promise<[file: string, print: string][]> {
  return Promise.all(files.map(async (file) => [file, printOf(await contentOf(file))]));
}

/** Of what cannot be read the reason, which is a sentence's end and never looks like a digest. */
function printOf(content: FileContent): string {
  return typeof content === 'string' ? content : hash('sha256', content, 'base64');
}
