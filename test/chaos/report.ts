/** The table of a run: what each fault came to. */
import type { Outcome } from './outcome.ts';
import type { Script } from './script.ts';

const columns = ['complete', 'in-band', 'cut', 'answered', 'left', 'closed', 'violations'] as const;
type Column = (typeof columns)[number];

/** Counts outcomes by fault. */
export class Report {
  readonly #rows = new Map<string, Record<Column, number>>();
  readonly #codes = new Map<string, number>();
  exchanges = 0;

  add(script: Script, outcome: Outcome, violations: number): void {
    this.exchanges++;
    const name = script.kind === 'websocket' ? `websocket ${script.fault.kind}` : script.fault.kind;
    const row = this.#rows.get(name) ?? {
      complete: 0,
      'in-band': 0,
      cut: 0,
      answered: 0,
      left: 0,
      closed: 0,
      violations: 0,
    };
    this.#rows.set(name, row);
    row[columnOf(outcome)]++;
    row.violations += violations;
    if (columnOf(outcome) === 'answered') this.#codes.set(outcome, (this.#codes.get(outcome) ?? 0) + 1);
  }

  /** The table as text. */
  toString(): string {
    const line = (name: string, cells: readonly (string | number)[]) =>
      `${name.padEnd(26)}${cells.map((cell) => String(cell).padStart(11)).join('')}`;
    const rows = [...this.#rows].sort(([a], [b]) => a.localeCompare(b));
    const total = columns.map((column) => rows.reduce((sum, [, row]) => sum + row[column], 0));
    return [
      line('fault', columns),
      ...rows.map(([name, row]) =>
        line(
          name,
          columns.map((column) => row[column]),
        ),
      ),
      line(`all ${this.exchanges}`, total),
      `answered by Sluice: ${[...this.#codes]
        .sort(([, a], [, b]) => b - a)
        .map(([code, count]) => `${code} ${count}`)
        .join(', ')}`,
    ].join('\n');
  }
}

function columnOf(outcome: Outcome): Column {
  if (outcome === 'own-cut') return 'closed';
  if (outcome === 'wrong' || outcome === 'stuck') return 'closed';
  return (columns as readonly string[]).includes(outcome) ? (outcome as Column) : 'answered';
}

/** Violations with their numbers left out, and how often each was found. */
export function summary(violations: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of violations) {
    const lines = text.includes('\n  - ') ? text.split('\n').filter((line) => line.startsWith('  - ')) : [text];
    for (const line of lines) {
      const kind = line.replace(/\d+/g, 'N').slice(0, 160);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
  }
  return [...counts].map(([kind, count]) => `${String(count).padStart(5)} × ${kind}`).join('\n');
}
