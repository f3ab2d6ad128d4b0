/** The files that are shipped, as the packaging tests read them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The repository's top level. */
export const root = join(import.meta.dirname, '../..');

/** Text of a file, by its path from the top level. */
export const text = (path: string): string => readFileSync(join(root, path), 'utf8');

/** A YAML or JSON file, by its path from the top level; throws when it does not parse or repeats a key. */
export const data = (path: string): Record<string, unknown> => parse(text(path), { uniqueKeys: true });

/** Instructions of the Dockerfile, continuation lines joined, comments gone. */
export function dockerfile(): { instruction: string; rest: string }[] {
  return text('Dockerfile')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [instruction = '', ...rest] = line.trim().split(/\s+/);
      return { instruction: instruction.toUpperCase(), rest: rest.join(' ') };
    });
}
