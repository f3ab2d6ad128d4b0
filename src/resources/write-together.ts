/**
 * What is written to a socket in one turn of the event loop leaves together at its end: one system call for the commands
 * of all requests that came in meanwhile, and one for their replies.
 */
import type { Socket } from 'node:net';

/** Has it do so from now on. */
export function writeTogether(socket: Socket): void {
  let held = false;
  const release = () => {
    held = false;
    socket.uncork();
  };
  const write = socket.write;
  socket.write = function writeLater(this: Socket, ...args: Parameters<Socket['write']>): boolean {
    if (!held) {
      held = true;
      socket.cork();
      // Behind all that could be read in this turn; it is run even when nothing else is.
      setImmediate(release);
    }
    return write.apply(this, args);
  } as Socket['write'];
}
