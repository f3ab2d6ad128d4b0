/** What both sides of slots keep: bulkheads by id, their keys, what is held and who waits. Nothing is kept of empty keys. */
import { SlotCrowd } from './slot-crowd.ts';
import { SlotLane } from './slot-lane.ts';
import type { Bulkhead } from './slots.ts';
import type { Waiter } from './waiter.ts';

/** All keys of one id. */
export interface SlotPool<Key> {
  /** The one in use; before any is, the one that was asked with first. */
  bulkhead: Bulkhead;
  /** Whether its configuration is in use. */
  used: boolean;
  readonly keys: Map<string, Key>;
  /** Slots that this process holds. */
  held: number;
  /** Those who wait in this process. */
  readonly crowd: SlotCrowd<Waiter>;
}

/** One key. Its `limit` is that of the newest configuration, whatever the one says that an exchange began with. */
export class SlotKey {
  readonly pool: SlotPool<SlotKey>;
  readonly key: string;
  /** Slots that this process holds. */
  held = 0;
  readonly lane = new SlotLane<Waiter>();

  constructor(pool: SlotPool<SlotKey>, key: string) {
    this.pool = pool;
    this.key = key;
  }

  get limit(): number {
    return this.pool.bulkhead.limit;
  }

  /** Whether nothing is to be remembered of it. */
  get empty(): boolean {
    return this.held === 0 && this.lane.size === 0;
  }
}

/** See the module. */
export class SlotTable<Key extends SlotKey> {
  readonly pools = new Map<string, SlotPool<SlotKey>>();
  readonly #make: (pool: SlotPool<SlotKey>, key: string) => Key;

  constructor(make: (pool: SlotPool<SlotKey>, key: string) => Key) {
    this.#make = make;
  }

  pool(bulkhead: Bulkhead): SlotPool<SlotKey> {
    let pool = this.pools.get(bulkhead.id);
    if (pool === undefined) {
      pool = { bulkhead, used: false, keys: new Map(), held: 0, crowd: new SlotCrowd() };
      this.pools.set(bulkhead.id, pool);
    }
    return pool;
  }

  /** The key, made when it is new: {@link forget} it again unless something is held or waits. */
  key(bulkhead: Bulkhead, name: string): Key {
    const pool = this.pool(bulkhead);
    let key = pool.keys.get(name);
    if (key === undefined) {
      key = this.#make(pool, name);
      pool.keys.set(name, key);
    }
    // Every key of the table was made by #make.
    return key as Key;
  }

  find(id: string, name: string): Key | undefined {
    return this.pools.get(id)?.keys.get(name) as Key | undefined;
  }

  /** Every key that is remembered. */
  *all(): IterableIterator<Key> {
    for (const { keys } of this.pools.values()) for (const key of keys.values()) yield key as Key;
  }

  /** Lets a key go that is empty, and its pool when it was the last one of a configuration that is gone. */
  forget(key: SlotKey): void {
    const { pool } = key;
    if (!key.empty || pool.keys.get(key.key) !== key) return;
    pool.keys.delete(key.key);
    this.drop(pool);
  }

  drop(pool: SlotPool<SlotKey>): void {
    const { id } = pool.bulkhead;
    if (!pool.used && pool.keys.size === 0 && this.pools.get(id) === pool) this.pools.delete(id);
  }
}
