/**
 * Slots shared by all replicas through Redis. Who asks while nobody waits costs one round trip. Those who wait stand in
 * this process' queue; for each of their keys the process asks as soon as one of its own slots is given back, and polls
 * for those of others. While Redis does not work each process gives its share of the limit.
 */
import { randomBytes } from 'node:crypto';
import { inTime } from './in-time.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { QueuedSlots } from './queued-slots.ts';
import { RedisKey, RedisSlot, type SlotHolder } from './redis-slot.ts';
import { shareOf } from './share.ts';
import { type SlotClient, SlotLeases } from './slot-leases.ts';
import { SlotQuestions } from './slot-questions.ts';
import type { Answer, Bulkhead, OnWait, SlotsOfKey } from './slots.ts';
import { TurnPoll } from './turn-poll.ts';

/** Whether Redis may be asked: the breaker of the connection, which slots share with the store of limits. */
export interface RedisGate {
  readonly working: () => boolean;
  /** A command has failed, or was not answered in time. */
  failed(error: unknown): void;
}

/** Options of {@link RedisSlots}. */
export interface RedisSlotsOptions {
  readonly client: SlotClient;
  readonly gate: RedisGate;
  /** How many processes share the Redis: while it does not work each gives `limit / replicas` slots, at least one; default 1. */
  readonly replicas?: number | undefined;
  /** Longest that a request may wait for Redis, in milliseconds; default 100. */
  readonly timeoutMs?: number | undefined;
  /** After so long the slots of a process that has died come back, in milliseconds; default 15,000. */
  readonly leaseMs?: number | undefined;
  readonly log?: { warn(fields: object, message: string): void } | undefined;
  readonly onWait?: OnWait | undefined;
  readonly onCommand?: ((seconds: number) => void) | undefined;
}

const LEASE_MS = 15_000;
/** For so long a process that waits and has died keeps others from one slot. */
const TURN_MS = 1000;
/** Most slots that are asked for at once. */
const MOST = 64;

/** Counts in Redis. The client belongs to who made it; {@link close} leaves it open. */
export class RedisSlots extends QueuedSlots<RedisKey> implements SlotHolder {
  readonly #gate: RedisGate;
  readonly #leases: SlotLeases;
  readonly #keeper: LeaseKeeper;
  readonly #questions: SlotQuestions;
  readonly #poll = new TurnPoll<RedisKey>((key) => this.serve(key));
  readonly #replicas: number;
  readonly #timeoutMs: number;
  #closed = false;

  constructor(options: RedisSlotsOptions) {
    super((pool, key) => new RedisKey(pool, key), options.onWait);
    const { gate, client, onCommand, leaseMs = LEASE_MS, timeoutMs = 100 } = options;
    this.#gate = gate;
    this.#replicas = Math.max(1, options.replicas ?? 1);
    this.#timeoutMs = timeoutMs;
    const process = randomBytes(9).toString('base64url');
    const failed = (error: unknown) => this.#failed(error);
    this.#leases = new SlotLeases({ client, process, leaseMs, turnMs: TURN_MS, onCommand });
    this.#keeper = new LeaseKeeper({
      leases: this.#leases,
      working: () => this.#working,
      failed,
      leaseMs,
      log: options.log,
    });
    this.#questions = new SlotQuestions({ leases: this.#leases, keeper: this.#keeper, process, timeoutMs, failed });
  }

  get #working(): boolean {
    return !this.#closed && this.#gate.working();
  }

  /** To be called when Redis has begun to work, or does not any more. */
  changed(works: boolean): void {
    if (this.#closed) return;
    if (works) this.#keeper.resume();
    else this.#fallBack();
    for (const key of [...this.table.all()]) if (key.lane.size > 0) this.serve(key);
  }

  take(bulkhead: Bulkhead, name: string): Answer | Promise<Answer> {
    const key = this.table.key(bulkhead, name);
    if (!this.#working) return this.#takeHere(key);
    if (key.lane.size > 0) return 'taken';
    return new Promise((resolve) => {
      this.#questions.ask(key, 1, 0, (given) => {
        if (given === undefined) resolve(this.#takeHere(key));
        else resolve(given[0] === undefined ? this.#none(key) : new RedisSlot(this, key, given[0]));
      });
    });
  }

  /** For {@link RedisSlot}: a slot is held from here on. */
  hold(key: RedisKey, id: string): void {
    key.held++;
    key.pool.held++;
    key.leases.add(id);
    this.#keeper.keep(key);
  }

  /** For {@link RedisSlot}: a slot has been given back. */
  freed(key: RedisKey, id: string): void {
    key.held--;
    key.pool.held--;
    key.leases.delete(id);
    if (key.leases.size === 0) this.#keeper.drop(key);
    this.#keeper.giveBack(key, [id]);
    if (key.lane.size > 0) this.serve(key);
    this.table.forget(key);
  }

  async inspect(id: string, name: string): Promise<SlotsOfKey> {
    const key = this.table.find(id, name);
    const heldHere = key?.held ?? 0;
    const held = this.#working ? await this.#inTime(this.#leases.count({ id, key: name })) : heldHere;
    const limit = this.table.pools.get(id)?.bulkhead.limit;
    return { limit, held, heldHere, waitingHere: key?.lane.size ?? 0 };
  }

  async reset(id: string, name: string): Promise<number> {
    return this.#working ? this.#inTime(this.#leases.forget({ id, key: name })) : 0;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    for (const key of this.table.all()) this.#keeper.giveBack(key, [...key.leases]);
    // Commands are answered in order: behind this answer Redis knows of every end.
    const told = this.#working ? this.#leases.count({ id: '/end', key: '' }) : undefined;
    this.#closed = true;
    this.#keeper.stop();
    this.#poll.stop();
    this.#questions.stop();
    for (const key of [...this.table.all()]) this.refuseAll(key, 'unavailable');
    // Whatever became of it, leases that Redis does not know the end of run out.
    if (told !== undefined) await this.#inTime(told).catch(() => undefined);
  }

  protected serve(key: RedisKey): void {
    if (!this.#working) {
      this.#serveHere(key);
      return;
    }
    if (key.serving) {
      key.again = true;
      return;
    }
    const waiting = key.lane.size;
    if (waiting === 0) return;
    key.serving = true;
    key.again = false;
    this.#questions.ask(key, Math.min(waiting, MOST), waiting, (given) => {
      key.serving = false;
      if (given === undefined) this.#serveHere(key);
      else this.#distribute(key, given, waiting);
    });
  }

  protected left(key: RedisKey): void {
    if (key.lane.size > 0) return;
    this.#poll.remove(key);
    // What is under way says itself when nobody is left to serve.
    if (!key.serving) this.#withdraw(key);
    this.table.forget(key);
  }

  #distribute(key: RedisKey, given: readonly string[], waiting: number): void {
    let used = 0;
    for (const id of given) {
      if (!this.grant(key, () => new RedisSlot(this, key, id))) break;
      used++;
    }
    this.#keeper.giveBack(key, given.slice(used));
    if (key.lane.size === 0) {
      if (given.length < waiting) this.#withdraw(key);
      this.table.forget(key);
    } else if (key.again || given.length === MOST) {
      this.serve(key);
    } else {
      this.#poll.add(key);
    }
  }

  #withdraw(key: RedisKey): void {
    // A place that is not given up runs out.
    if (this.#working) this.#leases.withdraw(key).catch(() => undefined);
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    this.#gate.failed(error);
    this.#fallBack();
  }

  /** Whoever still waits for Redis is answered from here at once. */
  #fallBack(): void {
    this.#poll.clear();
    this.#questions.giveUp();
  }

  #takeHere(key: RedisKey): Answer {
    const { onStoreError } = key.pool.bulkhead;
    if (onStoreError === 'deny') {
      this.table.forget(key);
      return 'unavailable';
    }
    if (onStoreError === 'allow' || (key.lane.size === 0 && key.held < this.#share(key)))
      return new RedisSlot(this, key, this.#questions.newId());
    return this.#none(key);
  }

  #none(key: RedisKey): 'taken' {
    this.table.forget(key);
    return 'taken';
  }

  #serveHere(key: RedisKey): void {
    const { onStoreError } = key.pool.bulkhead;
    const hold = () => new RedisSlot(this, key, this.#questions.newId());
    if (onStoreError === 'deny' || this.#closed) this.refuseAll(key, 'unavailable');
    else while (onStoreError === 'allow' || key.held < this.#share(key)) if (!this.grant(key, hold)) break;
    this.table.forget(key);
  }

  #inTime<T>(asked: Promise<T>): Promise<T> {
    return inTime(asked, this.#timeoutMs);
  }

  #share(key: RedisKey): number {
    return shareOf(key.limit, this.#replicas);
  }
}
