/** Finds secrets in bytes: any twelve bytes of one in a row, in any of its written forms. */
import type { Needle, Secret } from './secrets.ts';

/** What was found. */
export interface Finding {
  readonly place: string;
  readonly form: string;
  /** Where in the bytes, and what stands around it. */
  readonly at: number;
  readonly around: string;
}

interface Candidate {
  readonly place: string;
  readonly needle: Needle;
  /** Where in the needle the four bytes stand. */
  readonly offset: number;
}

/** A run of twelve bytes holds four bytes that begin at a multiple of nine, wherever it begins itself. */
const STRIDE = 9;

/** Looks for all secrets at once, in time linear in the bytes. */
export class Scanner {
  readonly #candidates = new Map<number, Candidate[]>();

  /** @param secrets by the name of their place. */
  constructor(secrets: ReadonlyMap<string, Secret>) {
    for (const [place, secret] of secrets) {
      for (const needle of secret.needles) {
        for (let offset = 0; offset + 4 <= needle.bytes.length; offset++) {
          const four = needle.bytes.readInt32LE(offset);
          const list = this.#candidates.get(four) ?? [];
          list.push({ place, needle, offset });
          this.#candidates.set(four, list);
        }
      }
    }
  }

  /** Every place whose secret is in the bytes, the first finding of each. */
  scan(bytes: Buffer): Finding[] {
    const found = new Map<string, Finding>();
    for (let at = 0; at + 4 <= bytes.length; at += STRIDE) {
      const candidates = this.#candidates.get(bytes.readInt32LE(at));
      if (candidates === undefined) continue;
      for (const { place, needle, offset } of candidates) {
        if (found.has(place)) continue;
        const start = runStart(bytes, at, needle.bytes, offset);
        const length = runLength(bytes, start, needle.bytes, offset - (at - start));
        if (length < needle.least) continue;
        const around = bytes.toString('latin1', Math.max(0, start - 160), start + length + 80);
        found.set(place, { place, form: needle.form, at: start, around });
      }
    }
    return [...found.values()];
  }
}

function runStart(bytes: Buffer, at: number, needle: Buffer, offset: number): number {
  let back = 0;
  while (back < at && back < offset && bytes[at - back - 1] === needle[offset - back - 1]) back++;
  return at - back;
}

function runLength(bytes: Buffer, start: number, needle: Buffer, offset: number): number {
  let length = 0;
  while (start + length < bytes.length && offset + length < needle.length) {
    if (bytes[start + length] !== needle[offset + length]) break;
    length++;
  }
  return length;
}
