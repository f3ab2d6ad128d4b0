import { ChunkedDecoder, framingOf, type MessageHead } from './http-message.ts';

/** Puts together the body of one request as its bytes come. */
export class BodyReader {
  readonly #parts: Buffer[] = [];
  readonly #end = Promise.withResolvers<Buffer>();
  readonly #decoder: ChunkedDecoder | undefined;
  #missing: number;

  /** Reads by the framing that `head` announces. */
  constructor(head: MessageHead) {
    const framing = framingOf(head);
    this.#decoder = framing === 'chunked' ? new ChunkedDecoder() : undefined;
    this.#missing = typeof framing === 'number' ? framing : 0;
    // Whoever does not ask for the body need not handle that it was cut.
    this.#end.promise.catch(() => undefined);
  }

  /** The body once it is whole; rejects after {@link cut}. */
  get whole(): Promise<Buffer> {
    return this.#end.promise;
  }

  /** Returns what follows the body once it is whole, undefined before. Throws on malformed chunks. */
  push(bytes: Buffer): Buffer | undefined {
    if (this.#decoder !== undefined) {
      this.#parts.push(...this.#decoder.push(bytes));
      if (!this.#decoder.done) return undefined;
      this.#end.resolve(Buffer.concat(this.#parts));
      return this.#decoder.rest;
    }
    const part = bytes.subarray(0, this.#missing);
    this.#parts.push(part);
    this.#missing -= part.length;
    if (this.#missing > 0) return undefined;
    this.#end.resolve(Buffer.concat(this.#parts));
    return bytes.subarray(part.length);
  }

  /** The rest will not come. */
  cut(reason = 'the connection ended in the body'): void {
    this.#end.reject(new Error(reason));
  }
}
