/** Remembers how a stream of bytes ended, to know whether a cut fell exactly between two server-sent events, and after which. */

/** Room for an empty line and the short events with which chat and messages streams say that they are whole. */
const kept = 128;

/** The last bytes of a stream; the same little memory whatever flows through. */
export class SseTail {
  readonly #bytes = Buffer.alloc(kept);
  #length = 0;

  push(chunk: Buffer): void {
    if (chunk.length >= kept) {
      chunk.copy(this.#bytes, 0, chunk.length - kept);
      this.#length = kept;
      return;
    }
    const keep = Math.min(this.#length, kept - chunk.length);
    this.#bytes.copyWithin(0, this.#length - keep, this.#length);
    chunk.copy(this.#bytes, keep);
    this.#length = keep + chunk.length;
  }

  /** True before the first byte and after an empty line (WHATWG HTML §9.2.5: LF, CR LF and CR end a line). */
  get atBoundary(): boolean {
    return this.#length === 0 || /(?:\n\n|\r\r|[\n\r]\r\n)$/.test(this.#text);
  }

  /** Whether the last event is this one. */
  endsWith(event: RegExp): boolean {
    return event.test(this.#text);
  }

  get #text(): string {
    return this.#bytes.toString('latin1', 0, this.#length);
  }
}
