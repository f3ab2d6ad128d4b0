import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** Resolves when something accepts connections on that port of 127.0.0.1; rejects after ten seconds. */
export async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await wait(5);
  }
  throw new Error(`nothing listens on port ${port}`);
}
