/**
 * Breaks src while it is loaded, so that a test can be seen to fail: `--import` this file, and one exact text of one source
 * file is another one in that process. In every process that inherits its environment: it belongs into NODE_OPTIONS.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** One break. */
export interface Break {
  /** From the root of the repository. */
  readonly file: string;
  /** Must occur exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

const variable = 'SLUICE_TEST_BREAK';
const root = new URL('../../', import.meta.url);

/** The file's text with the break in it. Throws when what is to be replaced does not occur exactly once. */
export function brokenSource({ file, find, replace }: Break): string {
  const parts = readFileSync(new URL(file, root), 'utf8').split(find);
  if (parts.length !== 2) {
    throw new Error(`${file} has ${parts.length - 1} times, not once: ${JSON.stringify(find)}`);
  }
  return parts.join(replace);
}

/** The environment of a process that runs with the break, made from this process's own. */
export function brokenEnvironment(one: Break): NodeJS.ProcessEnv {
  const { NODE_OPTIONS = '' } = process.env;
  const hook = `--import=${pathToFileURL(fileURLToPath(import.meta.url)).href}`;
  return { ...process.env, NODE_OPTIONS: `${NODE_OPTIONS} ${hook}`.trim(), [variable]: JSON.stringify(one) };
}

/** What a test hands on to a process that does not inherit its environment; nothing in an ordinary run. */
export function inheritedBreak(): Record<string, string> {
  const { NODE_OPTIONS, [variable]: one } = process.env;
  return one === undefined || NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS, [variable]: one };
}

function install(one: Break): void {
  const broken = new URL(one.file, root).href;
  const source = brokenSource(one);
  registerHooks({
    load(url, context, nextLoad) {
      if (url.split('?', 1)[0] !== broken) return nextLoad(url, context);
      // Node strips the types by itself; no other hook sees the file.
      return { format: 'module-typescript', source, shortCircuit: true };
    },
  });
}

const given = process.env[variable];
if (given !== undefined) install(JSON.parse(given) as Break);
