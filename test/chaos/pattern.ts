/** Bytes of which each exchange has its own, so that one lost, doubled, moved or foreign byte is seen. */
import { Prng } from './prng.ts';

const period = 1 << 20;
/** The longest slice that needs no copy. */
const longest = 700 * 1024;

const pool = fillPool();

function fillPool(): Buffer {
  const random = new Prng('pattern');
  const words = new Uint32Array(period / 4).map(() => random.bits());
  const once = Buffer.from(words.buffer);
  return Buffer.concat([once, once.subarray(0, longest)]);
}

/** The bytes of stream number `stream`, a view of a shared pool where that is possible. */
export function patternBytes(stream: number, length: number): Buffer {
  const start = Math.imul(stream + 1, 0x9e3779b1) >>> 12;
  if (length <= longest) return pool.subarray(start, start + length);
  const parts: Buffer[] = [];
  for (let at = 0; at < length; at += longest) {
    const from = (start + at) % period;
    parts.push(pool.subarray(from, from + Math.min(longest, length - at)));
  }
  return Buffer.concat(parts);
}
