/** Generated parts of pages that people write: what stands between two comments is replaced. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * The page with `content` between `<!-- NAME -->` and `<!-- /NAME -->`. Throws when the two are not there once, in this
 * order.
 */
export function betweenMarkers(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, rest, ...more] = page.split(begin);
  const [, after, ...evenMore] = rest?.split(end) ?? [];
  if (before === undefined || after === undefined || more.length + evenMore.length > 0) {
    throw new Error(`the page needs one line ${begin} and below it one line ${end}`);
  }
  return `${before}${begin}\n\n${content.trim()}\n\n${end}${after}`;
}

/** Does that to a file, if it is there; says whether. */
export function updatePage(file: string, name: string, content: string): boolean {
  if (!existsSync(file)) return false;
  writeFileSync(file, betweenMarkers(readFileSync(file, 'utf8'), name, content));
  return true;
}
