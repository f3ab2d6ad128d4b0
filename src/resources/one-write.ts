/**
 * Writes text and bytes to a socket in one piece: the kernel is called once. Where it takes all of them at once, which it
 * nearly always does, they were put together in memory that the next write uses again.
 */
import type { Socket } from 'node:net';

/** Larger ones, in bytes, have memory of their own. */
const largest = 16 * 1024;
let lent = Buffer.allocUnsafeSlow(largest);

/**
 * Writes `before`, `bytes`, `after` as one.
 * @param before latin1, as `after` is
 * @param bytes only lent
 * @returns what `write` does: false when the other side reads too slowly
 */
export function writeAsOne(socket: Socket, before: string, bytes: Buffer, after = ''): boolean {
  const end = before.length + bytes.length;
  const length = end + after.length;
  // Behind what waits it would wait too, and what is encrypted is not always taken at once.
  const again = length <= largest && socket.writableLength === 0 && !('encrypted' in socket);
  const all = again ? lent : Buffer.allocUnsafe(length);
  if (before !== '') all.write(before, 'latin1');
  bytes.copy(all, before.length);
  if (after !== '') all.write(after, end, 'latin1');
  const ready = socket.write(again ? all.subarray(0, length) : all);
  // Not all was taken: this memory is the socket's now.
  if (again && socket.writableLength > 0) lent = Buffer.allocUnsafeSlow(largest);
  return ready;
}
