/** Keeps the leases of this process alive while it holds them, and sees to it that Redis learns of those it does not. */
import { leasesKey } from './redis-slots-script.ts';
import type { Place, SlotLeases } from './slot-leases.ts';

/** A key with the leases that this process holds of it. */
export interface LeasedKey extends Place {
  readonly leases: ReadonlySet<string>;
}

/** Options of {@link LeaseKeeper}. */
export interface LeaseKeeperOptions {
  readonly leases: SlotLeases;
  /** Whether Redis may be asked. */
  readonly working: () => boolean;
  /** Told of a command that failed. */
  readonly failed: (error: unknown) => void;
  readonly leaseMs: number;
  readonly log: { warn(fields: object, message: string): void } | undefined;
}

/** A lease is renewed three times in its life: twice may fail. */
const RENEWALS = 3;
/** Keys renewed in one go; others of this process get a turn in between. */
const BATCH = 256;
/** Most leases remembered that Redis has not been told the end of; those above it run out by themselves. */
const MAX_OWED = 10_000;
/** Leases found gone within this time are told of in one line, in milliseconds. */
const TELL_MS = 1000;

/** See the module. One timer for all leases; none while nothing is held. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  /** When each key is due, the next first. */
  readonly #due = new Map<LeasedKey, number>();
  /** Ends that Redis may not know of: a lease's id to the set it is in, and until when it can be there at most. */
  readonly #owed = new Map<string, { readonly set: string; readonly until: number }>();
  #timer: NodeJS.Timeout | undefined;
  #telling: NodeJS.Timeout | undefined;
  #lost = 0;
  #stopped = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** The key has leases. */
  keep(key: LeasedKey): void {
    if (!this.#due.has(key)) this.#due.set(key, performance.now() + this.#options.leaseMs / RENEWALS);
    this.#arm();
  }

  /** The key has none any more. */
  drop(key: LeasedKey): void {
    this.#due.delete(key);
  }

  /** Gives leases back, now or as soon as Redis works. */
  giveBack(key: Place, ids: readonly string[]): void {
    if (ids.length === 0 || this.#stopped) return;
    const set = leasesKey(key.id, key.key);
    if (!this.#options.working()) this.#owe(set, ids);
    else this.#options.leases.release(set, ids).catch(() => this.#owe(set, ids));
  }

  /** Registers every lease of a key. */
  async register(key: LeasedKey, expected = false): Promise<void> {
    const ids = [...key.leases];
    if (ids.length === 0) return;
    const added = await this.#options.leases.renew(key, ids);
    // A renewal may be sent twice (its script was gone), the second time behind the end of a lease.
    this.giveBack(
      key,
      ids.filter((id) => !key.leases.has(id)),
    );
    if (added > 0 && !expected) this.#tell(added);
  }

  /** Redis works again: what is held is registered, what has ended in the meantime is given back. */
  resume(): void {
    this.#settleDebts();
    for (const key of [...this.#due.keys()]) this.#renew(key, true);
  }

  /** Ends the timers. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#telling);
  }

  #owe(set: string, ids: readonly string[]): void {
    if (this.#stopped) return;
    const until = performance.now() + this.#options.leaseMs;
    for (const id of ids) if (this.#owed.size < MAX_OWED) this.#owed.set(id, { set, until });
    this.#arm();
  }

  #settleDebts(): void {
    const now = performance.now();
    const debts = new Map<string, string[]>();
    for (const [id, { set, until }] of this.#owed) {
      if (until < now) continue;
      const ids = debts.get(set);
      if (ids === undefined) debts.set(set, [id]);
      else ids.push(id);
    }
    this.#owed.clear();
    for (const [set, ids] of debts) this.#options.leases.release(set, ids).catch(() => this.#owe(set, ids));
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setTimeout(() => this.#tick(), this.#options.leaseMs / RENEWALS / 5);
    this.#timer.unref();
  }

  #tick(): void {
    this.#timer = undefined;
    if (this.#options.working()) {
      if (this.#owed.size > 0) this.#settleDebts();
      this.#renewDue();
    }
    if (this.#due.size > 0 || this.#owed.size > 0) this.#arm();
  }

  #renewDue(): void {
    if (this.#stopped) return;
    const now = performance.now();
    let renewed = 0;
    for (const [key, due] of this.#due) {
      if (due > now) return;
      if (renewed === BATCH) {
        setImmediate(() => this.#renewDue());
        return;
      }
      renewed++;
      this.#renew(key, false);
    }
  }

  #renew(key: LeasedKey, expected: boolean): void {
    // Behind those that were renewed before.
    this.#due.delete(key);
    this.#due.set(key, performance.now() + this.#options.leaseMs / RENEWALS);
    this.register(key, expected).catch((error: unknown) => this.#options.failed(error));
  }

  #tell(count: number): void {
    this.#lost += count;
    if (this.#telling !== undefined) return;
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      const leases = this.#lost;
      this.#lost = 0;
      this.#options.log?.warn(
        { leases },
        'slots were not in Redis any more (it was flushed, or this process stood still); they are registered again, and for that while more than the limit may have been given',
      );
    }, TELL_MS);
    this.#telling.unref();
  }
}
