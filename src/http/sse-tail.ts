/** Remembers how a stream of server-sent events ended, to know whether a cut fell exactly between two of them. */

const lf = 0x0a;
const cr = 0x0d;
/** Enough for the last event of a stream that ends with `[DONE]` or `message_stop`. */
const kept = 96;

/** Terminators of dialects, as the last event of a stream: after them nothing may follow. */
const terminator = /(?:^|[\r\n])data: ?(?:\[DONE\]|\{"type": ?"message_stop"[^\r\n]*\})[\r\n]+$/;

/** The last bytes of a stream; bounded memory whatever flows through. */
export class SseTail {
  readonly #bytes = Buffer.allocUnsafe(kept);
  #length = 0;

  push(chunk: Buffer): void {
    const bytes = this.#bytes;
    if (chunk.length >= kept) {
      chunk.copy(bytes, 0, chunk.length - kept);
      this.#length = kept;
      return;
    }
    const over = this.#length + chunk.length - kept;
    if (over > 0) {
      bytes.copyWithin(0, over, this.#length);
      this.#length -= over;
    }
    chunk.copy(bytes, this.#length);
    this.#length += chunk.length;
  }

  /** True before the first byte and after an empty line (WHATWG HTML §9.2.5: LF, CR LF and CR end a line). */
  get atBoundary(): boolean {
    if (this.#length === 0) return true;
    const last = this.#at(1);
    const second = this.#at(2);
    if (last === lf && second === lf) return true;
    if (last === cr && second === cr) return true;
    const third = this.#at(3);
    return last === lf && second === cr && (third === lf || third === cr);
  }

  /** Whether the stream's own terminator was its last event: its client has taken it for whole. */
  get terminated(): boolean {
    return terminator.test(this.#bytes.toString('latin1', 0, this.#length));
  }

  /** The n-th byte from the end. */
  #at(n: number): number | undefined {
    return n > this.#length ? undefined : this.#bytes[this.#length - n];
  }
}
