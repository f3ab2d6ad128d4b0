/** Reads Prometheus's text format into series and values; comments and timestamps are dropped. */
export function readMetrics(text: string): Map<string, number> {
  const series = new Map<string, number>();
  for (const line of text.split('\n')) {
    // A label's value may hold spaces and braces, so the name with its labels is all up to the number.
    const match = /^([A-Za-z_:][\w:]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?) (\S+)/.exec(line);
    if (match?.[1] !== undefined) series.set(match[1], Number(match[2]?.replace('Inf', 'Infinity')));
  }
  return series;
}

/** The series that `after` has more or less of than `before`, in the order of `after`. */
export function movedMetrics(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): { series: string; before: number; after: number }[] {
  return [...after]
    .map(([series, value]) => ({ series, before: before.get(series) ?? 0, after: value }))
    .filter((row) => row.before !== row.after);
}
