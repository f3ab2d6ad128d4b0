/**
 * What can be said of the files that hold secrets before anybody needs them: warnings, for a file may come later. The
 * path is in the configuration, at the place that is told, and not in the message.
 *
 * A file that others may write is always worth a word: whoever writes it chooses where the money goes. One that others may
 * read is the norm where it was put there for this process: Kubernetes projects Secrets as 0644 behind a `..data` link, and
 * what another user owns (Docker's secrets, root's) can be read in no other way. So that is told of a file of our own only.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { childPointer } from './pointer.ts';

/** Finds every `{ file: … }` of the policies and of the upstreams' TLS, and tells what is wrong with the files. */
export function checkSecretFiles(
  data: Readonly<Record<string, unknown>>,
  say: (pointer: string, message: string) => void,
): void {
  for (const [pointer, path] of filesIn({ policies: data.policies, upstreams: data.upstreams }, '', 0)) {
    const fault = faultOf(path);
    if (fault !== undefined) say(pointer, fault);
  }
}

/** Deeper than any schema; hostile files are deeper still. */
const deepest = 12;

function* filesIn(value: unknown, pointer: string, depth: number): Generator<[pointer: string, path: string]> {
  if (typeof value !== 'object' || value === null || depth > deepest) return;
  for (const [key, member] of Object.entries(value)) {
    const below = childPointer(pointer, key);
    if (key === 'file' && typeof member === 'string') yield [below, member];
    else yield* filesIn(member, below, depth + 1);
  }
}

function faultOf(path: string): string | undefined {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch {
    return undefined; // Absent: an error of the requests that need it.
  }
  if (!stats.isFile()) return 'is no plain file and will not be read';
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  if ((stats.mode & 0o022) !== 0) return `is a file that others than its owner may write (mode ${mode}); chmod go-w`;
  const ours = stats.uid === process.getuid?.();
  if ((stats.mode & 0o004) !== 0 && ours && !isProjected(path))
    return `is a file of this user that everybody may read (mode ${mode}); chmod o-r`;
  return undefined;
}

function isProjected(path: string): boolean {
  try {
    return lstatSync(join(dirname(path), '..data')).isSymbolicLink();
  } catch {
    return false;
  }
}
