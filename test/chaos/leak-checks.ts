/** Looks for what is left behind, giving it a while to go. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Board } from './exchange.ts';
import { moreThan, type Open, openResources } from './leaks.ts';

/** See the module. */
export class LeakChecks {
  readonly #board: Board;
  constructor(board: Board) {
    this.#board = board;
  }

  /** Waits until there are none. */
  async none(what: string, count: () => number | Promise<number>): Promise<void> {
    const deadline = performance.now() + 5000;
    let left = await count();
    while (left > 0 && performance.now() < deadline) {
      await sleep(20);
      left = await count();
    }
    if (left !== 0) this.#board.complain(undefined, `${left} ${what} left`);
  }

  /** Waits until no more is open than before. */
  async noMore(when: string, before: Open): Promise<void> {
    const deadline = performance.now() + 5000;
    while (moreThan(before, openResources()) !== undefined && performance.now() < deadline) await sleep(20);
    const more = moreThan(before, openResources());
    if (more !== undefined) this.#board.complain(undefined, `left open ${when}: ${more}`);
  }

  /** Complains when there are more or fewer. */
  check(found: number, what: string, expected: number): void {
    if (found !== expected) this.#board.complain(undefined, `${what}: ${found}, not ${expected}`);
  }
}
