/** Node's handle of a TCP socket: there is no public way to ask the kernel of a connection at once, rather than when it calls. */
import type { Socket } from 'node:net';

/** The part of it that is used. */
export interface SocketHandle {
  /** The descriptor. Once the socket is destroyed the number may be another connection's. */
  readonly fd?: number;
  /** Below zero: the connection is gone. */
  getpeername?(out: object): number;
}

/** Undefined once the socket is closed. */
export function handleOf(socket: Socket): SocketHandle | undefined {
  return (socket as unknown as { readonly _handle?: SocketHandle | null })._handle ?? undefined;
}
