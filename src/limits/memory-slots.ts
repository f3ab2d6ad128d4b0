/** Slots of one process: synchronous, and without a promise or a timer where a slot is free. */
import { QueuedSlots } from './queued-slots.ts';
import { SlotKey } from './slot-table.ts';
import type { Answer, Bulkhead, OnWait, Slot, SlotsOfKey } from './slots.ts';

class MemorySlot implements Slot {
  readonly #slots: MemorySlots;
  #key: SlotKey | undefined;

  constructor(slots: MemorySlots, key: SlotKey) {
    this.#slots = slots;
    this.#key = key;
    key.held++;
    key.pool.held++;
  }

  end(): void {
    const key = this.#key;
    if (key === undefined) return;
    this.#key = undefined;
    this.#slots.freed(key);
  }
}

/** Counts in the memory of this process. */
export class MemorySlots extends QueuedSlots<SlotKey> {
  constructor(options: { readonly onWait?: OnWait | undefined } = {}) {
    super((pool, key) => new SlotKey(pool, key), options.onWait);
  }

  take(bulkhead: Bulkhead, name: string): Answer {
    const key = this.table.key(bulkhead, name);
    if (key.held < key.limit && key.lane.size === 0) return new MemorySlot(this, key);
    this.table.forget(key);
    return 'taken';
  }

  /** For {@link MemorySlot}: a slot has been given back. */
  freed(key: SlotKey): void {
    key.held--;
    key.pool.held--;
    this.serve(key);
    this.table.forget(key);
  }

  protected serve(key: SlotKey): void {
    while (key.held < key.limit) if (!this.grant(key, () => new MemorySlot(this, key))) return;
  }

  protected left(key: SlotKey): void {
    this.table.forget(key);
  }

  async inspect(id: string, name: string): Promise<SlotsOfKey> {
    const key = this.table.find(id, name);
    const held = key?.held ?? 0;
    const limit = this.table.pools.get(id)?.bulkhead.limit;
    return { limit, held, heldHere: held, waitingHere: key?.lane.size ?? 0 };
  }

  async reset(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    for (const key of [...this.table.all()]) this.refuseAll(key, 'unavailable');
  }
}
