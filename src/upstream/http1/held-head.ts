/** The beginning of a head that comes in several reads; grows by doubling, so that one byte at a time costs no more. */
export class HeldHead {
  #bytes: Buffer = Buffer.allocUnsafe(2048);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds bytes. Returns the index behind the empty line that ends a head, or -1. */
  add(bytes: Buffer): number {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const more = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(more, 0, 0, this.#length);
      this.#bytes = more;
    }
    bytes.copy(this.#bytes, this.#length);
    const from = Math.max(0, this.#length - 3);
    this.#length = length;
    const end = this.all.indexOf('\r\n\r\n', from, 'latin1');
    return end < 0 ? -1 : end + 4;
  }

  /** What there is. */
  get all(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}
