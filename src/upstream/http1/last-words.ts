/**
 * What an upstream said before it stopped taking a request: a failed write makes Node close the socket, and with it goes what
 * has come and was not read yet, which is often the answer that says why, or the end of it.
 */
import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { handleOf } from '../../resources/socket-handle.ts';

const readAtOnce = 16 * 1024;

/**
 * Reads what has come, until there is no more of it, the socket is paused or destroyed.
 * @param take gets a piece, only lent
 * @returns whether the end was read, behind a FIN or a reset
 */
export function readLastWords(socket: Socket, take: (bytes: Buffer) => void): boolean {
  const { fd = -1 } = handleOf(socket) ?? {};
  // What is encrypted only TLS can read.
  if (fd < 0 || 'encrypted' in socket) return false;
  const buffer = Buffer.allocUnsafe(readAtOnce);
  // Once it is destroyed, the number may be another connection's.
  while (!socket.destroyed && !socket.isPaused()) {
    const length = readNow(fd, buffer);
    if (length <= 0) return length === 0;
    take(buffer.subarray(0, length));
  }
  return false;
}

/** -1: there is nothing (more) now, or the connection is gone. */
function readNow(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch {
    return -1;
  }
}
