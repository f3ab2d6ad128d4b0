/** One key whose slots are in Redis, and one slot of it. */
import { SlotKey } from './slot-table.ts';
import type { Slot } from './slots.ts';

/** What this process knows of one key. */
export class RedisKey extends SlotKey {
  /** Ids of the leases that this process holds. */
  readonly leases = new Set<string>();
  /** Questions under way that may give slots. */
  asking = 0;
  /** One of them is for those who wait, and whether to ask again after it. */
  serving = false;
  again = false;

  get id(): string {
    return this.pool.bulkhead.id;
  }

  override get empty(): boolean {
    return this.asking === 0 && super.empty;
  }
}

/** Who is told what becomes of a slot. */
export interface SlotHolder {
  hold(key: RedisKey, id: string): void;
  freed(key: RedisKey, id: string): void;
}

/** A slot that this process holds, under the id of its lease. */
export class RedisSlot implements Slot {
  readonly #holder: SlotHolder;
  readonly #key: RedisKey;
  readonly #id: string;
  #ended = false;

  constructor(holder: SlotHolder, key: RedisKey, id: string) {
    this.#holder = holder;
    this.#key = key;
    this.#id = id;
    holder.hold(key, id);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#holder.freed(this.#key, this.#id);
  }
}
