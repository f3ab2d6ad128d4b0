/** Slots of their own for `concurrency` in shadow mode, so that trying a limit out takes nothing from anybody. */
import { SHADOW_PREFIX } from './shadow.ts';
import type { Bulkhead, Slots } from './slots.ts';

/** A view in which every bulkhead's id is prefixed, and nobody waits: a policy in shadow mode delays nothing. */
export function shadowSlots(slots: Slots): Slots {
  // One renamed bulkhead for each configured one: they live as long as their pipeline.
  const renamed = new WeakMap<Bulkhead, Bulkhead>();
  const rename = (bulkhead: Bulkhead) => {
    let found = renamed.get(bulkhead);
    if (found === undefined) {
      found = { ...bulkhead, id: SHADOW_PREFIX + bulkhead.id, queue: undefined };
      renamed.set(bulkhead, found);
    }
    return found;
  };
  return {
    use: (bulkhead) => slots.use(rename(bulkhead)),
    retire: (bulkhead) => slots.retire(rename(bulkhead)),
    take: (bulkhead, key) => slots.take(rename(bulkhead), key),
    wait: async () => 'taken',
    inspect: (id, key) => slots.inspect(SHADOW_PREFIX + id, key),
    reset: (id, key) => slots.reset(SHADOW_PREFIX + id, key),
  };
}
