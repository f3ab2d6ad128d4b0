/** Watches a relayed socket for silence: neither side sends, or its client does not take what is sent. */
import type { Socket } from 'node:net';

/** Milliseconds of silence that are too much, and what then happens; 0: never. */
export interface SilenceBounds {
  readonly idleMs: number;
  readonly stallMs: number;
  idle(): void;
  stalled(): void;
}

/** Looks at the socket now and then; undefined when nothing is bounded. */
export function watchSocket(socket: Socket, bounds: SilenceBounds): NodeJS.Timeout | undefined {
  const { idleMs, stallMs } = bounds;
  const shortest = Math.min(...[idleMs, stallMs].filter((ms) => ms > 0));
  if (!Number.isFinite(shortest)) return undefined;
  let seen = -1;
  let since = 0;
  const look = () => {
    const bytes = socket.bytesRead + socket.bytesWritten - socket.writableLength;
    if (bytes !== seen) {
      seen = bytes;
      since = performance.now();
      return;
    }
    const silent = performance.now() - since;
    if (socket.writableNeedDrain) {
      if (stallMs > 0 && silent >= stallMs) bounds.stalled();
    } else if (idleMs > 0 && silent >= idleMs) {
      bounds.idle();
    }
  };
  return setInterval(look, Math.max(1, shortest / 8));
}
