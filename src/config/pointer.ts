/** JSON pointers (RFC 6901), and the paths that people read: `/policies/2/with` is printed as `policies[2].with`. */
import { quote } from './quote.ts';

/** Splits a pointer into its segments; `''` is the whole document. */
export function splitPointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The pointer of a child. */
export function childPointer(parent: string, segment: string | number): string {
  return `${parent}/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A pointer as people read it: `policies[2].with.limit`; `''` for the whole document. */
export function printPath(pointer: string): string {
  let path = '';
  for (const segment of splitPointer(pointer)) {
    if (/^\d{1,9}$/.test(segment)) path += `[${segment}]`;
    else if (/^[\w-]{1,64}$/.test(segment)) path += path === '' ? segment : `.${segment}`;
    else path += `[${quote(segment)}]`;
  }
  return path;
}
