/** Results as one Markdown table whose columns are aligned, so that a terminal shows it as well. */
import { names } from '../line-up.ts';
import { type Measure, present, type Result, type Results } from './results.ts';
import { median, ratios, summary } from './statistics.ts';

/** Names of contenders that ratios are taken to. */
export const bases = [names.httpProxy3, names.nginx] as const;

interface Column {
  readonly head: string;
  readonly cell: (result: Result, all: readonly Result[]) => string;
}

const columns: readonly Column[] = [
  { head: 'contender', cell: ({ name, version }) => `${name} ${version}`.trim() },
  ...measured('µs a request', 'request', 1),
  ...measured('µs an event', 'chunk', 1),
  ...measured('TTFT p50 +ms', 'ttft50', 2),
  ...measured('TTFT p99 +ms', 'ttft99', 2),
  {
    head: 'idle MB',
    cell: ({ memory }) =>
      spread(
        memory.idle.map((bytes) => bytes / 1e6),
        0,
      ),
  },
  { head: 'KB a stream, 1,000', cell: ({ memory }) => spread(kilobytes(memory.perStreamAt1000), 1) },
  { head: '5,000', cell: ({ memory }) => spread(kilobytes(memory.perStreamAt5000), 1) },
  { head: 'ready ms', cell: ({ memory }) => spread(memory.readyMs, 0) },
];

/** See the module. Whoever failed has a row of his own with the reason, after what was measured of him. */
export function resultsTable({ contenders }: Results): string {
  const rows = contenders.map((result) => columns.map(({ cell }) => cell(result, contenders)));
  const table = markdownTable(
    columns.map(({ head }) => head),
    rows,
  );
  const failures = contenders.flatMap(({ name, failure }) => {
    return failure === undefined ? [] : [`- **${name}** was not measured to the end: ${oneLine(failure)}`];
  });
  return failures.length === 0 ? table : `${table}\n\n${failures.join('\n')}`;
}

/** A table of text; the first column is left-aligned, numbers stand at the right. */
export function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heads, ...rows].map((row) => row.map((text) => text.replaceAll('|', '\\|')));
  const widths = heads.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, i) => (i === 0 ? (row[i] ?? '').padEnd(width) : (row[i] ?? '').padStart(width))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  const [head = [], ...body] = all;
  return [line(head), rule, ...body.map(line)].join('\n');
}

/** The median of the ratios of each round; undefined where nothing can be compared. */
export function ratioOf(result: Result | undefined, base: Result | undefined, measure: Measure): number | undefined {
  if (result === undefined || base === undefined) return undefined;
  const all = ratios(
    result.samples[measure].map((value) => value ?? undefined),
    base.samples[measure].map((value) => value ?? undefined),
  );
  return all.length === 0 ? undefined : median(all);
}

function measured(head: string, measure: Measure, digits: number): Column[] {
  return [
    { head, cell: ({ samples }) => spread(present(samples[measure]), digits) },
    ...bases.map((base, i) => ({
      head: i === 0 ? '× hp3' : '× nginx',
      cell: (result: Result, all: readonly Result[]) => {
        const ratio = ratioOf(
          result,
          all.find(({ name }) => name === base),
          measure,
        );
        return ratio === undefined ? '' : ratio.toFixed(2);
      },
    })),
  ];
}

/** The median and, in brackets, the least and the most. */
export function spread(values: readonly number[], digits: number): string {
  const all = summary(values);
  if (all === undefined) return '';
  if (all.count === 1) return all.median.toFixed(digits);
  return `${all.median.toFixed(digits)} (${all.min.toFixed(digits)}–${all.max.toFixed(digits)})`;
}

function kilobytes(bytes: readonly number[]): number[] {
  return bytes.map((one) => one / 1e3);
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}
