/** The response hooks of one exchange. They run last policy first, and what one of them throws harms nobody. */
import type { ExchangeHooks, Outcome, PolicyLogger, ResponseHead } from '../policy.ts';

/** See the module. */
export class HookList {
  readonly #log: PolicyLogger;
  readonly #requestId: string;
  readonly #all: ExchangeHooks[] = [];
  #chunk: ExchangeHooks[] | undefined;

  constructor(log: PolicyLogger, requestId: string) {
    this.#log = log;
    this.#requestId = requestId;
  }

  add(hooks: ExchangeHooks): void {
    this.#all.push(hooks);
    if (hooks.chunk !== undefined) {
      this.#chunk ??= [];
      this.#chunk.unshift(hooks);
    }
  }

  /** Runs over a head. */
  responseStart(head: ResponseHead): void {
    for (let i = this.#all.length - 1; i >= 0; i--) {
      try {
        this.#all[i]?.responseStart?.(head);
      } catch (error) {
        this.#failed('responseStart', error);
      }
    }
  }

  /** Whether any wants to see bytes. */
  get watchChunks(): boolean {
    return this.#chunk !== undefined;
  }

  /** Shows bytes that have gone to the client. */
  chunk(bytes: Buffer): void {
    if (this.#chunk === undefined) return;
    for (const hooks of this.#chunk) {
      try {
        hooks.chunk?.(bytes);
      } catch (error) {
        this.#failed('chunk', error);
      }
    }
  }

  /** To be called once. */
  end(outcome: Outcome): void {
    for (let i = this.#all.length - 1; i >= 0; i--) this.endOne(this.#all[i] as ExchangeHooks, outcome);
  }

  /** Ends hooks that came when the exchange had ended. */
  endOne(hooks: ExchangeHooks, outcome: Outcome): void {
    if (hooks.end === undefined) return;
    try {
      const done = hooks.end(outcome);
      if (done instanceof Promise) done.catch((error: unknown) => this.#failed('end', error));
    } catch (error) {
      this.#failed('end', error);
    }
  }

  #failed(hook: string, err: unknown): void {
    this.#log.error({ request_id: this.#requestId, err }, `a policy failed in ${hook}`);
  }
}
