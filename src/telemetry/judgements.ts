/** What policies decided in one exchange: a flat list while it runs, events of its span if it gets one. */
import * as semconv from './semconv.ts';
import type { SpanEvent } from './span.ts';

const MAX = 128;
/** Values for each: policy, decision, milliseconds, enforced, when. */
const FIELDS = 5;

/** See the module. */
export class Judgements {
  dropped = 0;
  /** Whether a policy failed. */
  faulted = false;
  readonly #flat: (string | number | boolean)[] = [];

  add(policy: string, decision: string, milliseconds: number, enforced: boolean): void {
    if (decision === 'fault') this.faulted = true;
    if (this.#flat.length < MAX * FIELDS) this.#flat.push(policy, decision, milliseconds, enforced, performance.now());
    else this.dropped += 1;
  }

  toEvents(): SpanEvent[] {
    const events: SpanEvent[] = [];
    for (let i = 0; i < this.#flat.length; i += FIELDS) {
      const [policy, decision, milliseconds, enforced, at] = this.#flat.slice(i, i + FIELDS);
      events.push({
        name: semconv.POLICY_EVENT,
        at: Number(at),
        attributes: {
          [semconv.POLICY_ID]: policy,
          [semconv.POLICY_DECISION]: decision,
          [semconv.POLICY_MODE]: enforced === true ? 'enforce' : 'shadow',
          [semconv.POLICY_DURATION]: milliseconds,
        },
      });
    }
    return events;
  }
}
