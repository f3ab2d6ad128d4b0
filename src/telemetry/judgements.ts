/** What policies decided in one exchange: a flat list while it runs, events of its span if it gets one. */
import * as semconv from './semconv.ts';
import type { SpanEvent } from './span.ts';

const MAX = 128;

/** See the module. */
export class Judgements {
  dropped = 0;
  /** Whether a policy failed. */
  faulted = false;
  /** For each: policy, decision, mode. */
  readonly #words: string[] = [];
  /** For each: milliseconds, and when; in an array of their own, numbers are not boxed. */
  readonly #numbers: number[] = [];

  /** @param at when it had judged, by `performance.now()` */
  add(policy: string, decision: string, milliseconds: number, enforced: boolean, at: number): void {
    if (decision === 'fault') this.faulted = true;
    if (this.#numbers.length >= MAX * 2) {
      this.dropped += 1;
      return;
    }
    this.#words.push(policy, decision, enforced ? 'enforce' : 'shadow');
    this.#numbers.push(milliseconds, at);
  }

  toEvents(): SpanEvent[] {
    const events: SpanEvent[] = [];
    for (let i = 0; i * 2 < this.#numbers.length; i++) {
      const [policy, decision, mode] = this.#words.slice(i * 3, i * 3 + 3);
      const [milliseconds, at] = this.#numbers.slice(i * 2, i * 2 + 2);
      events.push({
        name: semconv.POLICY_EVENT,
        at: Number(at),
        attributes: {
          [semconv.POLICY_ID]: policy,
          [semconv.POLICY_DECISION]: decision,
          [semconv.POLICY_MODE]: mode,
          [semconv.POLICY_DURATION]: milliseconds,
        },
      });
    }
    return events;
  }
}
