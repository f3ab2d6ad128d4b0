/** Rounds in which everybody is measured once, so that whatever else the machine does meets them all. */

/** What is done besides. */
export interface Turns<Item> {
  /** Before each round. */
  readonly before?: (round: number) => Promise<void>;
  /** Asked when an item's turn comes; without it everybody has his turn. */
  readonly alive?: (item: Item) => boolean;
}

/**
 * Calls `measure` for each item in each round. Who came first in one round comes last in the next one, so that nobody is
 * always measured behind the same state of the machine.
 */
export async function interleave<Item>(
  items: readonly Item[],
  rounds: number,
  measure: (item: Item, round: number) => Promise<void>,
  { before, alive = () => true }: Turns<Item> = {},
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await before?.(round);
    for (let i = 0; i < items.length; i++) {
      const item = items[(i + round) % items.length] as Item;
      if (alive(item)) await measure(item, round);
    }
  }
}
