/** What one exchange asks a model for and what its answer used, read behind the bytes; for dialects that are known. */

import { mayNameModel } from '../llm/model.ts';
import { type RequestFacts, requestFacts } from '../llm/request-facts.ts';
import { createUsageReader, type UsageReader, type UsageReport } from '../llm/usage.ts';
import type { Dialect, HeaderReader, MaybePromise } from '../policy.ts';

/** See the module. One for each exchange whose telemetry reads usage. */
export class Reading {
  /** Known once the request has been sent. */
  facts: RequestFacts | undefined;
  /** Known once the answer has ended; a promise while its last bytes are being decoded. */
  usage: MaybePromise<UsageReport> | undefined;
  readonly #dialect: Dialect;
  readonly #path: string;
  #reader: UsageReader | undefined;
  #terminated = false;

  /** @param path as it goes upstream, without its query */
  constructor(dialect: Dialect, path: string) {
    this.#dialect = dialect;
    this.#path = path;
  }

  /** Reads the request, once. Without its whole body only what the path says is known. */
  request(headers: HeaderReader, body: Buffer | undefined): void {
    if (this.facts?.model !== undefined) return;
    const json = body !== undefined && mayNameModel(headers.get('content-type')) ? body : undefined;
    this.facts = requestFacts(this.#dialect, this.#path, json);
  }

  /** The answer begins. */
  begin(status: number, headers: HeaderReader): void {
    this.#reader = createUsageReader(this.#dialect, {
      path: this.#path,
      status,
      contentType: headers.get('content-type'),
      contentEncoding: headers.get('content-encoding'),
    });
  }

  push(chunk: Buffer): void {
    this.#reader?.push(chunk);
  }

  /** Whether the dialect's own ending has been seen: what comes after it nobody reads. */
  get terminated(): boolean {
    return this.#reader?.terminated ?? this.#terminated;
  }

  /** The answer has ended, whole or not; only the first call counts. */
  end(whole: boolean): void {
    this.usage ??= this.#reader?.end(whole);
    this.#terminated = this.terminated;
    this.#reader = undefined;
  }
}

/** Whether an answer of this type comes in pieces that somebody watches. */
export function isStream(contentType: string | undefined): boolean {
  return contentType !== undefined && /^(?:text\/event-stream|application\/x-ndjson)/i.test(contentType);
}
