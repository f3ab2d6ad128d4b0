/** The arithmetic of the slotted sliding window; the Lua script in `redis-script.ts` does the same inside Redis. */
import { SLOTS, type Window } from './store.ts';

/** Length of one slot in whole milliseconds. */
export function slotLength(window: Pick<Window, 'perMs' | 'slotMs'>): number {
  return window.slotMs ?? Math.ceil(window.perMs / SLOTS);
}

/**
 * What one key has used of one window. Times are whole milliseconds of one clock that never goes back.
 *
 * A use in slot `k` counts until `(k + 1) * slot + per`: the moment at which the last instant of its slot leaves the
 * window. So at least as much is counted as a sliding log would count, and each use at most one slot longer.
 */
export class SlottedWindow {
  /** Units in all slots that still count; correct after {@link expire}. */
  used = 0;
  #perMs: number;
  #slotMs: number;
  /** Slot number and units, in turn, the oldest slot first; empty slots are left out. */
  #slots: number[] = [];

  constructor(window: Window) {
    this.#perMs = window.perMs;
    this.#slotMs = slotLength(window);
  }

  /** Whether it counts in slots of that window's length. */
  fits(window: Window): boolean {
    return this.#perMs === window.perMs && this.#slotMs === slotLength(window);
  }

  /** Forgets everything, for another window. */
  reset(window: Window): void {
    this.#perMs = window.perMs;
    this.#slotMs = slotLength(window);
    this.#slots.length = 0;
    this.used = 0;
  }

  /** Drops the slots that have left the window. */
  expire(now: number): void {
    const slots = this.#slots;
    let gone = 0;
    while (gone < slots.length && this.#leaves(gone) <= now) {
      this.used -= slots[gone + 1] ?? 0;
      gone += 2;
    }
    if (gone === 0) return;
    slots.copyWithin(0, gone);
    slots.length -= gone;
  }

  /** Whether nothing counts any more. */
  expired(now: number): boolean {
    return this.#slots.length === 0 || this.#leaves(this.#slots.length - 2) <= now;
  }

  add(now: number, units: number): void {
    const slots = this.#slots;
    const slot = Math.floor(now / this.#slotMs);
    const last = slots.length - 2;
    // Most keys are used once or twice: a literal takes two places, where a push into an empty array takes 17.
    if (last < 0) this.#slots = [slot, units];
    else if (slots[last] === slot) slots[last + 1] = (slots[last + 1] ?? 0) + units;
    else slots.push(slot, units);
    this.used += units;
  }

  /** Takes units away, the oldest first: what stays counts longer than it must, never shorter. Returns how many there were. */
  giveBack(units: number): number {
    const slots = this.#slots;
    let left = units;
    while (slots.length > 0 && left > 0) {
      const gone = Math.min(left, slots[1] ?? 0);
      left -= gone;
      slots[1] = (slots[1] ?? 0) - gone;
      if (slots[1] === 0) slots.splice(0, 2);
    }
    this.used -= units - left;
    return units - left;
  }

  /** Milliseconds until the oldest use leaves the window; 0 when there is none. */
  resetMs(now: number): number {
    return this.#slots.length === 0 ? 0 : this.#leaves(0) - now;
  }

  /** Milliseconds until `excess` units have left the window; Infinity when it holds fewer. */
  waitMs(now: number, excess: number): number {
    const slots = this.#slots;
    let freed = 0;
    for (let i = 0; i < slots.length; i += 2) {
      freed += slots[i + 1] ?? 0;
      if (freed >= excess) return this.#leaves(i) - now;
    }
    return Number.POSITIVE_INFINITY;
  }

  #leaves(index: number): number {
    return ((this.#slots[index] ?? 0) + 1) * this.#slotMs + this.#perMs;
  }
}
