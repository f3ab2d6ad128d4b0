/** One entry of `policies`, set up and ready to run. */

import type { LimitStore } from '../limits/store.ts';
import type { KeyStanding, PolicyInstance, RequestContext } from '../policy.ts';
import type { Condition } from './when.ts';

/** What a policy did, as counted in `sluice_policy_decisions_total`: let pass, refused, answered itself, or failed. */
export type DecisionKind = 'allow' | 'deny' | 'reply' | 'fault';

/** Counts what one entry does; bound to its labels when the pipeline is built. */
export interface EntryMetrics {
  decision(kind: DecisionKind): void;
  duration(seconds: number): void;
}

/** An entry as the runner needs it. */
export interface Entry {
  readonly id: string;
  readonly enforced: boolean;
  /** Whether a fault of the policy lets the request pass (`on_error: allow`). */
  readonly faultsPass: boolean;
  readonly when: Condition | undefined;
  readonly rollout: ((ctx: RequestContext) => boolean) | undefined;
  readonly instance: PolicyInstance;
  readonly metrics: EntryMetrics;
  /** Where the claims of this entry are taken; in shadow mode a view with counters of its own. */
  readonly limits: LimitStore;
}

/** How the provider keys of all entries stand; those in shadow mode set none. */
export function standingsOf(entries: readonly Entry[]): KeyStanding[] {
  return entries.flatMap(({ enforced, instance }) => (enforced ? (instance.keys?.() ?? []) : []));
}

/** The request phase: policies one by one, neighbouring limits together. */
export type Step =
  | { readonly kind: 'request'; readonly entry: Entry }
  | { readonly kind: 'limits'; readonly entries: readonly Entry[]; readonly store: LimitStore };

/** Orders entries into steps: enforced limits that stand next to each other are taken in one round trip. */
export function stepsOf(entries: readonly Entry[]): readonly Step[] {
  const steps: Step[] = [];
  let group: Entry[] | undefined;
  for (const entry of entries) {
    if (entry.instance.limit === undefined) {
      if (entry.instance.request === undefined) continue;
      steps.push({ kind: 'request', entry });
      group = undefined;
    } else if (group !== undefined && entry.enforced && group[0]?.enforced === true) {
      group.push(entry);
    } else {
      group = [entry];
      steps.push({ kind: 'limits', entries: group, store: entry.limits });
    }
  }
  return steps;
}
