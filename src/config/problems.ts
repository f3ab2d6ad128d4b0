/** Problems of a configuration: where they are, what is wrong, and what would be right. */
import { scrub } from '../telemetry/redact.ts';
import { printPath } from './pointer.ts';

/** A place in a file. Line and column count from 1; both are 0 when a whole file is meant. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One problem. Its message never holds a value that came from an environment variable. */
export interface ConfigProblem extends Location {
  /** Where in the configuration, as people read it: `policies[2].with.limit`; empty for the whole. */
  readonly path: string;
  /** One sentence: what is wrong and what would be right. */
  readonly message: string;
  /** A warning does not keep the configuration from being used. */
  readonly severity: 'error' | 'warning';
}

/** Takes a problem in; whoever checks something is given one of these. */
export type Report = (problem: ConfigProblem) => void;

/** More problems than anybody reads at once; the rest is counted. */
const MOST = 100;

/** A problem at a place. */
export function problemAt(
  location: Location,
  pointer: string,
  message: string,
  severity: ConfigProblem['severity'] = 'error',
): ConfigProblem {
  const { file, line, column } = location;
  return { file, line, column, path: printPath(pointer), message, severity };
}

/** In the order of the files and of the places in them, without repetitions, at most 100 and a count of the others. */
export function arrange(problems: readonly ConfigProblem[], files: readonly string[]): ConfigProblem[] {
  const order = new Map(files.map((file, i) => [file, i]));
  const rank = (problem: ConfigProblem) => order.get(problem.file) ?? -1;
  const unique = [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()];
  unique.sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
  if (unique.length <= MOST) return unique;
  const kept = unique.slice(0, MOST);
  const message = `and ${unique.length - MOST} more problems, not shown`;
  const file = unique[MOST]?.file ?? '';
  const severity = unique.slice(MOST).some((problem) => problem.severity === 'error') ? 'error' : 'warning';
  return [...kept, { file, line: 0, column: 0, path: '', message, severity }];
}

/**
 * Problems for people, without what looks like a key that stands where none belongs. One line each: `proxy.yaml:12:7  policies[2].with.limit  must be an integer, got "abc"`.
 */
export function formatProblems(problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ file, line, column, path, message, severity }) => {
      const place = line === 0 ? file : `${file}:${line}:${column}`;
      const said = severity === 'warning' ? `warning: ${message}` : message;
      return [place, scrub(path), scrub(said)].filter((part) => part !== '').join('  ');
    })
    .join('\n');
}
