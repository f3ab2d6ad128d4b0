/**
 * Node accepts one connection in each turn of its loop, and the kernel lets clients wait a second when its queue is full.
 * Clients that share the loop with their server must not connect faster than that.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const accepted = 'net.server.socket';
/** Most connections that may wait to be accepted. */
const most = 40;

/** Counts what the ports of the server have accepted. */
export class AcceptGate {
  readonly #ports: ReadonlySet<number>;
  #waiting = 0;
  readonly #onAccepted = (message: unknown) => {
    const { localPort } = (message as { socket: Socket }).socket;
    if (localPort !== undefined && this.#ports.has(localPort)) this.#waiting = Math.max(0, this.#waiting - 1);
  };

  constructor(ports: readonly number[]) {
    this.#ports = new Set(ports);
    subscribe(accepted, this.#onAccepted);
  }

  /** Resolves when one more may connect. */
  async pass(): Promise<void> {
    // One that has left before it was accepted may never be: nobody waits for it for long.
    for (let waited = 0; this.#waiting >= most && waited < 400; waited++) await sleep(5);
    this.#waiting++;
  }

  close(): void {
    unsubscribe(accepted, this.#onAccepted);
  }
}
