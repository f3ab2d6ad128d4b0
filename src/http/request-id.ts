/**
 * Ids of requests that bring none: UUIDs of version 8 (RFC 9562 §5.8), of bits that this process has drawn at its start and
 * a count. They are unique as random ones are, and no secret; a random one each would cost as much as the route.
 */
import { randomBytes } from 'node:crypto';

const drawn = randomBytes(16);
const hex = drawn.toString('hex');
const variant = ((drawn[8] ?? 0) & 0x3f) | 0x80;
const prefix = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant.toString(16)}${hex.slice(18, 20)}-`;
/** The count has twelve digits, looked up two at a time: to write a number in base 16 costs ten times as much. */
const pairs = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
const half = 2 ** 24;
let low = Number.parseInt(hex.slice(26, 32), 16);
let high = Number.parseInt(hex.slice(20, 26), 16);
let front = prefix + digits(high);

/** A new one. */
export function newRequestId(): string {
  low = (low + 1) % half;
  if (low === 0) {
    high = (high + 1) % half;
    front = prefix + digits(high);
  }
  return front + digits(low);
}

/** The six digits of a number of 24 bits. */
function digits(number: number): string {
  return `${pairs[number >> 16]}${pairs[(number >> 8) & 255]}${pairs[number & 255]}`;
}
