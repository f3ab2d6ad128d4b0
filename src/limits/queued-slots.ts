/** What slots in memory and in Redis have in common: the queue, its bounds, and who comes next. */
import { type SlotKey, type SlotPool, SlotTable } from './slot-table.ts';
import type { Answer, Bulkhead, ManagedSlots, NoSlot, OnWait, Slot, SlotsOfKey, SlotUsage, Waiting } from './slots.ts';
import { Waiter } from './waiter.ts';

/** See the module. */
export abstract class QueuedSlots<Key extends SlotKey> implements ManagedSlots {
  protected readonly table: SlotTable<Key>;
  readonly #onWait: OnWait | undefined;

  constructor(make: (pool: SlotPool<SlotKey>, key: string) => Key, onWait?: OnWait) {
    this.table = new SlotTable(make);
    this.#onWait = onWait;
  }

  abstract take(bulkhead: Bulkhead, key: string): Answer | Promise<Answer>;
  abstract inspect(id: string, key: string): Promise<SlotsOfKey>;
  abstract reset(id: string, key: string): Promise<number>;
  abstract close(): Promise<void>;
  /** Slots may be free, or somebody has begun to wait where nobody did: gives those who wait what there is. */
  protected abstract serve(key: Key): void;
  /** Somebody has stopped to wait; it may have been the last one. */
  protected abstract left(key: Key): void;

  use(bulkhead: Bulkhead): void {
    const pool = this.table.pool(bulkhead);
    pool.bulkhead = bulkhead;
    pool.used = true;
    // A higher limit is one for those who wait, too.
    for (const key of [...pool.keys.values()]) if (key.lane.size > 0) this.serve(key as Key);
  }

  retire(bulkhead: Bulkhead): void {
    const pool = this.table.pools.get(bulkhead.id);
    if (pool === undefined || pool.bulkhead !== bulkhead) return;
    pool.used = false;
    this.table.drop(pool);
  }

  wait(bulkhead: Bulkhead, name: string, waiting: Waiting): Promise<Answer> {
    const { queue } = bulkhead;
    if (queue === undefined) return Promise.resolve('taken');
    if (waiting.signal.aborted) return Promise.resolve('left');
    const pool = this.table.pool(bulkhead);
    const admitted = pool.crowd.admit(waiting.client, (pool.bulkhead.queue ?? queue).size);
    if (admitted === false) {
      this.table.drop(pool);
      return Promise.resolve('queue_full');
    }
    if (admitted !== true) this.#refuse(admitted, 'queue_full');
    // The refused one may have been the last of its key and its key the last of the pool: look again.
    const key = this.table.key(bulkhead, name);
    return new Promise((resolve) => {
      const giveUp = (one: Waiter, why: NoSlot) => this.#refuse(one, why);
      const waiter = new Waiter(key, waiting, queue.timeoutMs, resolve, giveUp);
      key.pool.crowd.add(waiter);
      key.lane.add(waiter);
      if (key.lane.size === 1) this.serve(key);
    });
  }

  usage(): readonly SlotUsage[] {
    return [...this.table.pools].map(([id, { held, crowd }]) => ({ id, held, waiting: crowd.size }));
  }

  /** Gives a slot to whose turn it is; returns whether there was anybody. */
  protected grant(key: Key, hold: () => Slot): boolean {
    const waiter = key.lane.next();
    if (waiter === undefined) return false;
    key.pool.crowd.remove(waiter);
    this.#settle(waiter, hold());
    return true;
  }

  /** Refuses all who wait for a key. */
  protected refuseAll(key: Key, why: NoSlot): void {
    for (let waiter = key.lane.next(); waiter !== undefined; waiter = key.lane.next()) {
      key.pool.crowd.remove(waiter);
      this.#settle(waiter, why);
    }
    this.left(key);
  }

  #refuse(waiter: Waiter, why: NoSlot): void {
    waiter.key.lane.remove(waiter);
    waiter.key.pool.crowd.remove(waiter);
    this.#settle(waiter, why);
    this.left(waiter.key as Key);
  }

  #settle(waiter: Waiter, answer: Answer): void {
    const milliseconds = waiter.settle(answer);
    this.#onWait?.(waiter.key.pool.bulkhead.id, milliseconds / 1000);
  }
}
