/** How many bytes of request bodies are held, over all exchanges of one app: for replays, peeks and waiting uploads. */

/** What an upload that is not held still keeps on its way, in bytes. */
const passingBytes = 64 * 1024;

/** See the module. One for each app; bodies add what they take and subtract what they let go. */
export class HeldBytes {
  /** Held now. */
  total = 0;
  /** Most that may be held (`server.held_bytes`); follows reloads. */
  max: number;
  /** Most that memory had room for when it was last looked at. */
  #fitting = Number.POSITIVE_INFINITY;

  constructor(max: number) {
    this.max = max;
  }

  /** Nothing more is kept for a replay, and a policy that must see a whole body cannot. */
  get full(): boolean {
    return this.total >= this.#most;
  }

  /**
   * Takes what memory has room for, in bytes. Between two looks a fast network brings more than a small container has,
   * so it is counted as bodies come; half of it, for a body that is used whole is copied once.
   */
  fit(room: number): void {
    this.#fitting = this.total + Math.max(0, room) / 2;
  }

  get #most(): number {
    return Math.min(this.max, this.#fitting);
  }

  /**
   * Most bytes that one body may have unsent before its client is held back. Reading on shows that a client has left;
   * when memory becomes scarce only what a replay needs is read ahead, and then next to nothing.
   */
  ahead(replayBytes: number, mostBytes: number): number {
    if (this.full) return passingBytes;
    return this.total * 2 > this.#most ? replayBytes : Math.max(replayBytes, mostBytes);
  }
}
