/**
 * Notices that a client has reset a connection that is not being read: Node polls only sockets that it reads or writes,
 * so a client that leaves while its upload is held back would go on costing money. (A FIN lies behind the unread bytes
 * and can be seen by nobody; that is why bodies are read ahead as far as memory allows.)
 */
import type { Socket } from 'node:net';
import { handleOf } from '../resources/socket-handle.ts';

const everyMs = 10;

const watched = new Set<Socket>();
let timer: NodeJS.Timeout | undefined;

/** Watches a paused socket until {@link unwatch}; it is destroyed when its connection turns out to be gone. */
export function watch(socket: Socket): void {
  watched.add(socket);
  timer ??= setInterval(probe, everyMs).unref();
}

/** Stops watching; to be called when the socket is read again or has closed. */
export function unwatch(socket: Socket): void {
  if (!watched.delete(socket) || watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

function probe(): void {
  for (const socket of watched) {
    if (socket.destroyed) {
      unwatch(socket);
      continue;
    }
    // `remoteAddress` would not do: it is remembered from the first look.
    const handle = handleOf(socket);
    if (handle?.getpeername === undefined || handle.getpeername({}) >= 0) continue;
    unwatch(socket);
    socket.destroy();
  }
}
