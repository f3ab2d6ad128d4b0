/** Finds what somebody meant who mistyped a name. */

/** The name that is nearest to `typed`: at most a third of its characters apart, at least one allowed. Undefined when none is. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  if (typed.length > 64) return undefined;
  const wanted = fold(typed);
  let best: string | undefined;
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const name of names) {
    if (name.length > 64) continue;
    const apart = distance(wanted, fold(name));
    if (apart < least) {
      least = apart;
      best = name;
    }
  }
  return best;
}

/** ` did you mean "…"?` or nothing, to be put after a semicolon. */
export function didYouMean(typed: string, names: readonly string[]): string {
  const name = nearest(typed, names);
  return name === undefined ? '' : `; did you mean "${name}"?`;
}

/** `maxSeconds`, `max-seconds` and `max_seconds` are one name. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, '');
}

/** Edits (insert, delete, replace, swap of neighbours) between two short texts: the optimal string alignment distance. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) edits = Math.min(edits, (before[j - 2] ?? 0) + 1);
      row.push(edits);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
