/** The cases of a fuzz run: each follows from the seed and its index alone. */
import { corpus, validRequests } from './corpus.ts';
import { mutators } from './mutate.ts';
import { Random } from './random.ts';

/** What one connection sends. */
export interface Case {
  readonly index: number;
  readonly bytes: Buffer;
  /** The same bytes, cut where one write ends and the next begins. */
  readonly writes: readonly Buffer[];
}

/** Longer ones only cost time. */
const longest = 40_000;

/** Makes the case of that index. The first ones are the corpus as it is, the others have been mutated. */
export function makeCase(seed: number, index: number): Case {
  const random = new Random(seed, index);
  let text = corpus[index] ?? random.pick(random.chance(0.5) ? validRequests : corpus);
  if (index >= corpus.length) {
    // Few changes leave most of a message valid, which is where parsers begin to differ.
    for (let changes = 1 + random.below(random.pick([1, 1, 2, 5])); changes > 0; changes--) {
      text = random.pick(mutators)(text, random, random.pick(corpus)).slice(0, longest);
    }
  }
  const bytes = Buffer.from(text, 'latin1');
  return { index, bytes, writes: random.chance(0.3) ? cut(bytes, random) : [bytes] };
}

function cut(bytes: Buffer, random: Random): Buffer[] {
  const places = Array.from({ length: 1 + random.below(4) }, () => random.below(bytes.length + 1));
  const bounds = [0, ...places.sort((a, b) => a - b), bytes.length];
  const parts = bounds.slice(1).map((end, i) => bytes.subarray(bounds[i], end));
  return parts.filter((part) => part.length > 0);
}
