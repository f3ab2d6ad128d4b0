/** Reads one file of the configuration. */
import { constants, open } from 'node:fs/promises';
import { MAX_FILE_BYTES, tooLarge } from './parse.ts';
import { problemAt, type Report } from './problems.ts';

/** The bytes of a file, or a sentence's end that says why there are none. */
export type FileContent = Buffer | string;

/** Reads a file of the configuration, bounded; never rejects. */
export async function contentOf(file: string): Promise<FileContent> {
  try {
    return await readBounded(file);
  } catch (error) {
    return reasonOf(error);
  }
}

/** The text of what a file holds. Undefined when it cannot be read, is too large or not UTF-8; that has been reported then. */
export function textOf(file: string, content: FileContent, report: Report): string | undefined {
  const refuse = (message: string): undefined => {
    report(problemAt({ file, line: 0, column: 0 }, '', message));
  };
  if (typeof content === 'string') return refuse(content);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return refuse('is not UTF-8; save it as UTF-8 text');
  }
}

/** At most {@link MAX_FILE_BYTES}, or a fault; the size that the system tells is not relied on (pipes, /proc). */
async function readBounded(file: string): Promise<FileContent> {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) return 'is a directory; name the file in it';
    if (!stat.isFile()) return 'is no regular file';
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return length > MAX_FILE_BYTES ? tooLarge : buffer.subarray(0, length);
  } finally {
    await handle.close();
  }
}

/** How the reasons begin that say something of the moment, e.g. of file descriptors that have run out, not of the file. */
export const passing = 'cannot be read';

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist; name it with --config';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by this user';
    case 'ELOOP':
      return 'is a symbolic link that leads to itself';
    case 'ENXIO':
      return 'is no regular file';
    case 'ENAMETOOLONG':
      return 'has a name that is too long';
    case 'ERR_INVALID_ARG_VALUE':
      return 'has a name that no file can have';
    default:
      return `${passing} (${String(code ?? 'unknown error')})`;
  }
}
