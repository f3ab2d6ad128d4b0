/** The commands that slots send to Redis, and what their replies mean. Trusts no reply. */
import { UnexpectedReply } from './redis-reply.ts';
import { ASK_SCRIPT, COUNT_SCRIPT, leasesKey, RENEW_SCRIPT, RESET_SCRIPT, turnsKey } from './redis-slots-script.ts';
import type { ScriptClient } from './redis-store.ts';

/** The part of an ioredis client that slots use. */
export interface SlotClient extends ScriptClient {
  zrem(key: string, ...members: string[]): Promise<number>;
  hdel(key: string, ...fields: string[]): Promise<number>;
}

/** What `defineCommand` adds to the client. */
interface DefinedClient extends SlotClient {
  sluiceSlotsAsk(args: readonly (string | number)[]): Promise<unknown>;
  sluiceSlotsRenew(args: readonly (string | number)[]): Promise<unknown>;
  sluiceSlotsCount(args: readonly (string | number)[]): Promise<unknown>;
  sluiceSlotsReset(args: readonly (string | number)[]): Promise<unknown>;
}

/** One key of one bulkhead. */
export interface Place {
  readonly id: string;
  readonly key: string;
}

/** Options of {@link SlotLeases}. */
export interface SlotLeasesOptions {
  readonly client: SlotClient;
  /** Names this process among all that share the Redis. */
  readonly process: string;
  /** How long a lease lasts, in milliseconds. */
  readonly leaseMs: number;
  /** How long the place of a process in the order of turns lasts, unless it asks again, in milliseconds. */
  readonly turnMs: number;
  /** Told how long Redis took to answer, in seconds. */
  readonly onCommand?: ((seconds: number) => void) | undefined;
}

/** What a process asks for. */
export interface Ask {
  readonly limit: number;
  /** An id for each slot wanted. */
  readonly ids: readonly string[];
  /** Leases that this process has on the key already. */
  readonly known: number;
  /** Requests of this process that wait, those that ask included; 0: who gets nothing does not wait. */
  readonly waiting: number;
}

/** See the module. Every method rejects when Redis fails, and with {@link UnexpectedReply} when it answers nonsense. */
export class SlotLeases {
  readonly #client: DefinedClient;
  readonly #options: SlotLeasesOptions;
  #sequence = 0;

  constructor(options: SlotLeasesOptions) {
    const { client } = options;
    client.defineCommand('sluiceSlotsAsk', { lua: ASK_SCRIPT });
    client.defineCommand('sluiceSlotsRenew', { lua: RENEW_SCRIPT });
    client.defineCommand('sluiceSlotsCount', { lua: COUNT_SCRIPT });
    client.defineCommand('sluiceSlotsReset', { lua: RESET_SCRIPT });
    // The commands exist on the client from here on; ioredis cannot say so in its types.
    this.#client = client as DefinedClient;
    this.#options = options;
  }

  /** How many of the slots were given, `lost` where leases of this process are gone. */
  async ask({ id, key }: Place, { limit, ids, known, waiting }: Ask): Promise<number | 'lost'> {
    const { leaseMs, turnMs, process } = this.#options;
    const n = this.#next();
    const args = [2, leasesKey(id, key), turnsKey(id, key), n, limit, leaseMs, process, known, waiting, turnMs, ...ids];
    const [given] = read(await this.#timed(this.#client.sluiceSlotsAsk(args)), n, 2);
    if (given === undefined || given < -1 || given > ids.length) throw new UnexpectedReply();
    return given === -1 ? 'lost' : given;
  }

  /** Renews leases; resolves to how many of them had to be registered anew. */
  async renew({ id, key }: Place, ids: Iterable<string>): Promise<number> {
    const n = this.#next();
    const args = [1, leasesKey(id, key), n, this.#options.leaseMs, ...ids];
    return read(await this.#timed(this.#client.sluiceSlotsRenew(args)), n, 1)[0] ?? 0;
  }

  /** Slots of a key that are held by whatever process. */
  async count({ id, key }: Place): Promise<number> {
    const n = this.#next();
    return read(await this.#timed(this.#client.sluiceSlotsCount([1, leasesKey(id, key), n])), n, 1)[0] ?? 0;
  }

  async release(leases: string, ids: readonly string[]): Promise<void> {
    await this.#timed(this.#client.zrem(leases, ...ids));
  }

  /** This process does not wait for slots of the key any more. */
  async withdraw({ id, key }: Place): Promise<void> {
    await this.#timed(this.#client.hdel(turnsKey(id, key), this.#options.process));
  }

  /** Forgets leases that were not renewed for half of their life, as none of a living process is; resolves to how many. */
  async forget({ id, key }: Place): Promise<number> {
    const n = this.#next();
    const args = [1, leasesKey(id, key), n, Math.floor(this.#options.leaseMs / 2)];
    return read(await this.#timed(this.#client.sluiceSlotsReset(args)), n, 1)[0] ?? 0;
  }

  #next(): number {
    this.#sequence = (this.#sequence + 1) % Number.MAX_SAFE_INTEGER;
    return this.#sequence;
  }

  async #timed(command: Promise<unknown>): Promise<unknown> {
    const sentAt = performance.now();
    try {
      return await command;
    } finally {
      this.#options.onCommand?.((performance.now() - sentAt) / 1000);
    }
  }
}

/** The integers of a reply behind its number. */
function read(reply: unknown, sequence: number, length: number): number[] {
  if (!Array.isArray(reply) || reply.length !== length + 1 || reply[0] !== sequence) throw new UnexpectedReply();
  if (!reply.every((value) => Number.isSafeInteger(value))) throw new UnexpectedReply();
  return reply.slice(1);
}
