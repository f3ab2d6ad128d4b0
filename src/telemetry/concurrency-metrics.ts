/** Metrics of `concurrency`: slots held, requests that wait, and how long they waited. */
import type { Registry } from 'prom-client';
import { SHADOW_PREFIX } from '../limits/shadow.ts';
import type { SlotUsage } from '../limits/slots.ts';
import { type Bind, type Distribution, histogram, type Labels, snapshot } from './series.ts';

const WAITS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

type Tell = ReturnType<typeof snapshot>;

/** See the module. Slots that are held in shadow mode count under their policy's id. */
export class ConcurrencyMetrics {
  readonly #inUse: Tell;
  readonly #waiting: Tell;
  readonly #waits: Bind<Distribution>;
  readonly #bound = new Map<string, Distribution>();

  constructor(registry: Registry) {
    this.#inUse = snapshot(registry, 'sluice_concurrency_in_use', 'Slots that this process holds.');
    this.#waiting = snapshot(registry, 'sluice_concurrency_waiting', 'Requests that wait for a slot in this process.');
    this.#waits = histogram(
      registry,
      'sluice_concurrency_wait_seconds',
      'How long requests waited for a slot, whether they got one or not.',
      WAITS,
    );
  }

  usage(all: readonly SlotUsage[]): void {
    const held = new Map<string, number>();
    const waiting = new Map<string, number>();
    for (const usage of all) {
      const policy = policyOf(usage.id);
      held.set(policy, (held.get(policy) ?? 0) + usage.held);
      waiting.set(policy, (waiting.get(policy) ?? 0) + usage.waiting);
    }
    this.#inUse(seriesOf(held));
    this.#waiting(seriesOf(waiting));
  }

  waited(id: string, seconds: number): void {
    let waits = this.#bound.get(id);
    if (waits === undefined) {
      waits = this.#waits({ policy: policyOf(id) });
      this.#bound.set(id, waits);
    }
    waits.observe(seconds);
  }
}

function policyOf(id: string): string {
  return id.startsWith(SHADOW_PREFIX) ? id.slice(SHADOW_PREFIX.length) : id;
}

function seriesOf(values: ReadonlyMap<string, number>): [Labels, number][] {
  return [...values].map(([policy, value]) => [{ policy }, value]);
}
