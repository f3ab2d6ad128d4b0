/**
 * The public keys of one issuer: fetched in the background, kept while the issuer is down, asked for anew at most once a
 * minute because of a key that is not known, whatever callers send.
 */
import type { PolicyLogger } from '../policy.ts';
import { WatchedFile } from '../resources/watched-file.ts';
import { keyTypeOf, parseJwkSet, type SigningKey } from './jwk-set.ts';

/** Where the keys come from, and how long they count. */
export interface IssuerKeysOptions {
  /** For the log. */
  readonly issuer: string;
  readonly source:
    | {
        readonly kind: 'fetch';
        fetch(signal: AbortSignal): Promise<string>;
        /** Called when nobody will fetch any more. */
        close?(): void;
      }
    | { readonly kind: 'file'; readonly path: string; readonly text: string };
  readonly refreshMs: number;
  readonly maxStaleMs: number;
  readonly log: PolicyLogger;
  /** Milliseconds that only grow; for tests. */
  readonly now?: () => number;
}

/** Least time between two fetches because of an unknown key. */
export const unknownKeyGapMs = 60_000;
/** How long a request waits for keys that are being fetched. */
const patienceMs = 2_000;
const firstRetryMs = 1_000;

/** See the module. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #now: () => number;
  readonly #closed = new AbortController();
  readonly #watched: WatchedFile | undefined;
  #keys: readonly SigningKey[] = [];
  #prints: ReadonlySet<string> = new Set();
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #askedForUnknownAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #fetching: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Throws when the text of a file holds no usable keys. */
  constructor(options: IssuerKeysOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    const { source } = options;
    if (source.kind !== 'file') return;
    this.#take(source.text);
    this.#watched = new WatchedFile(source.path, source.text, {
      changed: (text) => this.#taken(() => this.#take(text)),
      failed: () => this.#failed(new Error('the file cannot be read')),
    });
  }

  /** Begins to fetch; nothing waits for it. */
  start(): void {
    if (this.#options.source.kind === 'fetch') void this.#fetch();
  }

  /** Whether there are keys that still count. */
  get ready(): boolean {
    if (this.#keys.length === 0) return false;
    return this.#options.source.kind === 'file' || this.#now() - this.#fetchedAt < this.#options.maxStaleMs;
  }

  /** The key of that id for that algorithm; without an id, the only one that there is for it. */
  find(kid: string | undefined, algorithm: string): SigningKey | undefined {
    if (!this.ready) return undefined;
    const type = keyTypeOf(algorithm);
    const fitting = this.#keys.filter(
      (key) =>
        key.type === type &&
        (kid === undefined || key.kid === kid) &&
        (key.algorithm === undefined || key.algorithm === algorithm),
    );
    return fitting.length === 1 ? fitting[0] : undefined;
  }

  /** Whether a key is still one of the issuer's. */
  holds(key: SigningKey): boolean {
    return this.#prints.has(key.print) && this.ready;
  }

  /** A token names a key that is not known: resolves once it is worth to look again, after two seconds at most; undefined when it is not. */
  askForUnknown(): Promise<void> | undefined {
    if (this.#fetching === undefined) {
      if (this.#options.source.kind === 'file') return undefined;
      if (this.#now() - this.#askedForUnknownAt < unknownKeyGapMs) return undefined;
      this.#askedForUnknownAt = this.#now();
      void this.#fetch();
    }
    return this.#patiently();
  }

  /** There are no keys: resolves once there may be, after two seconds at most; undefined when nothing is under way. */
  firstKeys(): Promise<void> | undefined {
    return this.#fetching === undefined ? undefined : this.#patiently();
  }

  close(): void {
    this.#closed.abort(new Error('nobody needs the keys any more'));
    clearTimeout(this.#timer);
    this.#watched?.close();
    if (this.#options.source.kind === 'fetch') this.#options.source.close?.();
  }

  #patiently(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patienceMs);
    void this.#fetching?.then(resolve);
    return promise.finally(() => clearTimeout(timer));
  }

  /** Never rejects; there is one fetch at a time. */
  #fetch(): Promise<void> {
    const { source } = this.#options;
    if (source.kind !== 'fetch' || this.#closed.signal.aborted) return Promise.resolve();
    clearTimeout(this.#timer);
    this.#fetching ??= source
      .fetch(this.#closed.signal)
      .then((text) => this.#taken(() => this.#take(text)))
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#fetching = undefined;
        this.#schedule();
      });
    return this.#fetching;
  }

  #schedule(): void {
    if (this.#closed.signal.aborted) return;
    const { refreshMs } = this.#options;
    const backoff = Math.min(firstRetryMs * 2 ** Math.max(0, this.#failures - 1), unknownKeyGapMs);
    // With keys in hand there is no haste: the issuer is asked once a minute at most.
    const retry = this.ready ? unknownKeyGapMs : backoff;
    const wait = this.#failures > 0 ? Math.min(retry, refreshMs) : refreshMs;
    // Replicas that started together should not ask together.
    this.#timer = setTimeout(() => void this.#fetch(), wait * (1 + Math.random() / 10)).unref();
  }

  #take(text: string): void {
    const known = new Map(this.#keys.map((key) => [key.print, key]));
    // A key that has not changed stays the same object: what was made of it once is used on.
    this.#keys = parseJwkSet(text).map((key) => known.get(key.print) ?? key);
    this.#prints = new Set(this.#keys.map(({ print }) => print));
    this.#fetchedAt = this.#now();
  }

  #taken(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.#failed(error);
      return;
    }
    const { log, issuer } = this.#options;
    if (this.#failures > 0) log.info({ issuer }, 'the keys of a token issuer are there again');
    this.#failures = 0;
  }

  #failed(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    const { log, issuer } = this.#options;
    this.#failures++;
    if (this.#failures > 1) return;
    const kept = this.ready ? 'the last ones stay in use' : 'there are none yet';
    log.warn({ issuer, err: error }, `the keys of a token issuer could not be renewed; ${kept}`);
  }
}
