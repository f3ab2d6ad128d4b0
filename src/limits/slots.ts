/**
 * The interface between `concurrency` and what counts its slots (memory, Redis). Both sides pass one contract test suite.
 *
 * A slot is held by one exchange from when it is given until {@link Slot.end}. State belongs to a bulkhead's id: whoever
 * comes with the same id, before a reload and after it, shares its slots and its queue.
 */

/** What one entry of `concurrency` allows. Each load of the configuration makes its own. */
export interface Bulkhead {
  readonly id: string;
  /** Most slots of one key. */
  readonly limit: number;
  /** Undefined: nobody waits. */
  readonly queue: QueueBounds | undefined;
  /** What happens while Redis does not work: each process has its share, everybody passes, or nobody does. */
  readonly onStoreError: 'local' | 'allow' | 'deny';
}

/** How many may wait in this process, over all keys, and for how long, in milliseconds. */
export interface QueueBounds {
  readonly size: number;
  readonly timeoutMs: number;
}

/** A slot that is held. It is what `request` hooks return: the runner calls `end` when the exchange has ended. */
export interface Slot {
  /** Gives it back; only the first call counts. */
  end(): void;
}

/**
 * Why there is no slot: all are taken, the queue is full, the wait was too long, the client has left, or Redis does not
 * work and the bulkhead says that then nobody passes.
 */
export type NoSlot = 'taken' | 'queue_full' | 'timeout' | 'left' | 'unavailable';

/** Whether there is a slot. */
export type Answer = Slot | NoSlot;

/** The highest priority; 0 is the lowest. */
export const MAX_PRIORITY = 9;

/** Who waits. */
export interface Waiting {
  /** Clients take turns, whatever they queue. */
  readonly client: string;
  /** An integer from 0 to {@link MAX_PRIORITY}; the higher goes first. */
  readonly priority: number;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** Told how long it has waited, in milliseconds, as soon as it does not wait any more. */
  waited(milliseconds: number): void;
}

/** What is known of one key. */
export interface SlotsOfKey {
  /** The limit in use; undefined when nobody has asked for the id in this process. */
  readonly limit: number | undefined;
  /** Slots held, in all processes that share them. */
  readonly held: number;
  /** Slots held by this process. */
  readonly heldHere: number;
  /** Requests that wait in this process. */
  readonly waitingHere: number;
}

/** Gives slots. */
export interface Slots {
  /** The bulkhead's configuration is in use from here on: its limit judges those who wait too. */
  use(bulkhead: Bulkhead): void;
  /** Nothing that began with the bulkhead is left; what others hold under its id stays counted. */
  retire(bulkhead: Bulkhead): void;
  /**
   * A slot if one is free and nobody waits for it, else why not (`taken`, `unavailable`). Synchronous per process; a
   * promise with Redis. Nobody overtakes who waits already.
   */
  take(bulkhead: Bulkhead, key: string): Answer | Promise<Answer>;
  /** Waits for a slot, once `take` has said `taken`. Never rejects. */
  wait(bulkhead: Bulkhead, key: string, waiting: Waiting): Promise<Answer>;
  /** For operators: what is held of one key. */
  inspect(id: string, key: string): Promise<SlotsOfKey>;
  /**
   * Forgets slots of one key that nobody holds any more: in Redis, leases that nobody has renewed for half of their
   * life. What runs stays counted, in whatever process. Resolves to how many were forgotten; in memory there are none.
   */
  reset(id: string, key: string): Promise<number>;
}

/** What one bulkhead holds in this process, over all its keys. */
export interface SlotUsage {
  readonly id: string;
  readonly held: number;
  readonly waiting: number;
}

/** Slots with their life: they belong to the app, not to a pipeline. */
export interface ManagedSlots extends Slots {
  /** For metrics: every bulkhead in use or with something held. */
  usage(): readonly SlotUsage[];
  /** Gives everything back and ends every timer. */
  close(): Promise<void>;
}

/** How slots tell of waits: the bulkhead's id and seconds, whatever became of the wait. */
export type OnWait = (id: string, seconds: number) => void;
