/** Loads `proxy.yaml` and its overlays. Whatever is wrong with them becomes a list of problems, never an exception. */
import type { Policy } from '../policy.ts';
import { plainPath, runChecks } from './checks.ts';
import type { FilesRead } from './files-read.ts';
import { interpolate, type Variables } from './interpolate.ts';
import { mergeFiles } from './merge-files.ts';
import { parseText } from './parse.ts';
import { arrange, type ConfigProblem, type Location, problemAt } from './problems.ts';
import { contentOf, textOf } from './read-file.ts';
import type { Config, PolicyEntry } from './schema.ts';
import { type ConfigNode, type MapNode, mapScalars, nodeAt } from './tree.ts';
import { validateTree } from './validate.ts';

/** What a configuration may use. */
export interface LoadOptions {
  readonly policies: ReadonlyMap<string, Policy>;
  /** For `${NAME}`. */
  readonly env: Variables;
  /** Is told what the files hold. */
  readonly read?: FilesRead | undefined;
}

/** A configuration, or why there is none. */
export type LoadResult = Loaded | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** A valid configuration with what is known of its origin. */
export interface Loaded {
  readonly ok: true;
  readonly config: Config;
  readonly warnings: readonly ConfigProblem[];
  /** Where the value at a JSON pointer was written; for a default, the nearest thing above it that was. */
  readonly locate: (pointer: string) => Location;
  /** Texts that came from variables, by pointer: what to show instead of them, e.g. `(from ${REDIS_URL})`. */
  readonly references: ReadonlyMap<string, string>;
}

/** A configuration that is not in a file. Relative paths in it are taken from the folder of `name`. */
export interface ConfigText {
  readonly name: string;
  readonly text: string;
}

/** Loads files: the first is the base, the others are laid over it in their order. */
export async function loadConfig(files: readonly string[], options: LoadOptions): Promise<LoadResult> {
  const problems: ConfigProblem[] = [];
  const texts: ConfigText[] = [];
  for (const name of files) {
    const content = await contentOf(name);
    options.read?.note(name, content);
    const text = textOf(name, content, (problem) => problems.push(problem));
    if (text !== undefined) texts.push({ name, text });
  }
  return build(texts, files, problems, options);
}

/** The same from texts; a single text is called `proxy.yaml`. */
export function loadConfigText(text: string | readonly ConfigText[], options: LoadOptions): LoadResult {
  const texts = typeof text === 'string' ? [{ name: 'proxy.yaml', text }] : text;
  const names = texts.map(({ name }) => name);
  return build(texts, names, [], options);
}

function build(
  texts: readonly ConfigText[],
  names: readonly string[],
  problems: ConfigProblem[],
  { policies, env }: LoadOptions,
): LoadResult {
  const report = (problem: ConfigProblem) => void problems.push(problem);
  const fail = (): LoadResult => ({ ok: false, problems: arrange(problems, names) });
  const trees: MapNode[] = [];
  for (const { name, text } of texts) {
    const tree = parseText(name, text, report);
    if (tree?.kind === 'map') trees.push(tree);
    else if (tree !== undefined) report(problemAt(tree.at, '', 'must be a map with keys such as upstreams and routes'));
  }
  const [base, ...overlays] = trees;
  if (names.length === 0) report(problemAt({ file: '', line: 0, column: 0 }, '', 'no configuration file was given'));
  // Half of the files say nothing about the whole: what the missing ones would have said is unknown.
  if (base === undefined || trees.length < names.length) return fail();
  const written = interpolate(mergeFiles(base, overlays, env, report), env, report);
  const { data, tree } = validateTree(written, policies, report);
  runChecks(data, tree, report);
  if (problems.some(({ severity }) => severity === 'error')) return fail();
  return {
    ok: true,
    config: finish(data as Config),
    warnings: arrange(problems, names),
    locate: (pointer) => nodeAt(tree, pointer).at,
    references: referencesOf(tree),
  };
}

/** Fills in what depends on other values; paths of routes lose the slash at their end, also where they are named. */
function finish(config: Config): Config {
  const plain = (path: string | string[]) => (typeof path === 'string' ? plainPath(path) : path.map(plainPath));
  const policies = config.policies.map(({ before: _, ...entry }): PolicyEntry => {
    const id = entry.id ?? entry.policy;
    if (entry.when?.route === undefined) return { ...entry, id };
    return { ...entry, id, when: { ...entry.when, route: plain(entry.when.route) } };
  });
  const routes = config.routes.map((route) => ({ ...route, path: plainPath(route.path) }));
  return { ...config, policies, routes };
}

function referencesOf(tree: ConfigNode): ReadonlyMap<string, string> {
  const references = new Map<string, string>();
  mapScalars(tree, (scalar, pointer) => {
    if (typeof scalar.value === 'string' && scalar.from !== undefined && scalar.from.length > 0) {
      references.set(pointer, `(from ${scalar.from.map((name) => `\${${name}}`).join(', ')})`);
    }
    return scalar;
  });
  return references;
}
