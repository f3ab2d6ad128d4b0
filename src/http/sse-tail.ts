/** Remembers how a stream of bytes ended, to know whether a cut fell exactly between two server-sent events. */

const lf = 0x0a;
const cr = 0x0d;

/** The last four bytes of a stream; four bytes of memory whatever flows through. */
export class SseTail {
  #tail = 0;
  #length = 0;

  push(chunk: Buffer): void {
    const from = Math.max(0, chunk.length - 4);
    for (let i = from; i < chunk.length; i++) this.#tail = (this.#tail << 8) | (chunk[i] as number);
    this.#length += chunk.length;
  }

  /** True before the first byte and after an empty line (WHATWG HTML §9.2.5: LF, CR LF and CR end a line). */
  get atBoundary(): boolean {
    if (this.#length === 0) return true;
    const last = this.#tail & 0xff;
    const second = (this.#tail >>> 8) & 0xff;
    if (last === lf && second === lf) return true;
    if (last === cr && second === cr) return true;
    const third = (this.#tail >>> 16) & 0xff;
    return last === lf && second === cr && (third === lf || third === cr);
  }
}
