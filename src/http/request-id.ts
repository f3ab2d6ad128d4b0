/**
 * Ids of requests that bring none: UUIDs of version 8 (RFC 9562 §5.8), of bits that this process has drawn at its start and
 * a count. They are unique as random ones are, and no secret; a random one each would cost as much as the route.
 */
import { randomBytes } from 'node:crypto';

const drawn = randomBytes(16);
const hex = drawn.toString('hex');
const variant = ((drawn[8] ?? 0) & 0x3f) | 0x80;
const prefix = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant.toString(16)}${hex.slice(18, 20)}-`;
/** Twelve digits. */
const counts = 2 ** 48;
let count = Number.parseInt(hex.slice(20, 31), 16);

/** A new one. */
export function newRequestId(): string {
  count = (count + 1) % counts;
  return prefix + (counts + count).toString(16).slice(1);
}
