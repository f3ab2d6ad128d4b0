/** Asks Redis for slots, with bounded patience: every question is answered exactly once, by Redis or by its failure. */
import type { LeaseKeeper } from './lease-keeper.ts';
import { Patience, type Patient } from './patience.ts';
import type { RedisKey } from './redis-slot.ts';
import type { SlotLeases } from './slot-leases.ts';

/** Options of {@link SlotQuestions}. */
export interface SlotQuestionsOptions {
  readonly leases: SlotLeases;
  readonly keeper: LeaseKeeper;
  /** Names this process among all that share the Redis. */
  readonly process: string;
  readonly timeoutMs: number;
  /** Redis has failed, or did not answer in time. */
  readonly failed: (error: unknown) => void;
}

/** Asked and not answered. */
interface Question extends Patient {
  readonly key: RedisKey;
  readonly ids: readonly string[];
  readonly done: Done;
}

/** Gets the ids of the slots given; undefined where Redis has failed. */
export type Done = (given: readonly string[] | undefined) => void;

/** See the module. */
export class SlotQuestions {
  readonly #options: SlotQuestionsOptions;
  readonly #patience: Patience<Question>;
  #count = 0;

  constructor(options: SlotQuestionsOptions) {
    this.#options = options;
    const { timeoutMs, failed } = options;
    this.#patience = new Patience(timeoutMs, () => failed(new Error(`Redis did not answer within ${timeoutMs} ms`)));
  }

  /** An id for a lease that nobody else will ever have. */
  newId(): string {
    this.#count++;
    return `${this.#options.process}:${this.#count}`;
  }

  /** @param waiting how many requests of this process wait, those asked for included; 0: who gets nothing does not wait */
  ask(key: RedisKey, wanted: number, waiting: number, done: Done): void {
    const ids = Array.from({ length: wanted }, () => this.newId());
    const question: Question = { key, ids, done, deadline: 0 };
    key.asking++;
    this.#patience.start(question);
    this.#send(key, ids, waiting).then(
      (given) => {
        if (this.#patience.end(question)) {
          key.asking--;
          done(ids.slice(0, given));
        } else {
          // It has been dealt with as if Redis had not answered.
          this.#options.keeper.giveBack(key, ids.slice(0, given));
        }
      },
      (error: unknown) => {
        if (this.#patience.has(question)) this.#options.failed(error);
      },
    );
  }

  /** Whoever still waits for Redis is answered at once; what Redis may have given goes back. */
  giveUp(): void {
    for (const { key, ids, done } of this.#patience.endAll()) {
      key.asking--;
      this.#options.keeper.giveBack(key, ids);
      done(undefined);
    }
  }

  stop(): void {
    this.giveUp();
    this.#patience.stop();
  }

  async #send(key: RedisKey, ids: readonly string[], waiting: number): Promise<number> {
    const { leases, keeper } = this.#options;
    const ask = () => leases.ask(key, { limit: key.limit, ids, known: key.leases.size, waiting });
    let given = await ask();
    if (given === 'lost') {
      await keeper.register(key);
      given = await ask();
    }
    return given === 'lost' ? 0 : given;
  }
}
