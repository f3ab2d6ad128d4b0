/**
 * Checks a merged configuration against the schema of `proxy.yaml` and against those of the policies it uses, fills in
 * defaults and replaces written forms by values. All errors are found at once.
 */
import { dirname } from 'node:path';
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { Policy } from '../policy.ts';
import { coerceVariables } from './coerce.ts';
import { createCompiler } from './compile-schema.ts';
import { schemaPart } from './describe-schema.ts';
import { explainErrors } from './explain-errors.ts';
import { type KeywordContext, MAX_FAULTS } from './keywords.ts';
import { childPointer } from './pointer.ts';
import { problemAt, type Report } from './problems.ts';
import { listNames } from './quote.ts';
import { ConfigSchema } from './schema.ts';
import { didYouMean } from './suggest.ts';
import { type ConfigNode, nodeAt, plainOf } from './tree.ts';

/** What a validation made of a tree. */
export interface Validated {
  /** The values; only what no problem was reported of can be relied on. */
  readonly data: unknown;
  /** The tree with variables coerced as the schemas want them. */
  readonly tree: ConfigNode;
}

/** Validates. Every problem is reported with its place; see {@link Validated}. */
export function validateTree(root: ConfigNode, policies: ReadonlyMap<string, Policy>, report: Report): Validated {
  const validators = new Validators(policies);
  let tree = root;
  for (;;) {
    const data = plainOf(tree);
    const errors = validators.check(data, tree);
    const coerced = coerceVariables(tree, errors);
    if (coerced !== undefined) {
      // Each round turns at least one text into a number or boolean, which never becomes a text again.
      tree = coerced;
      continue;
    }
    for (const problem of explainErrors(errors, tree)) report(problem);
    if (validators.givenUp)
      report(problemAt(tree.at, '', `has more than ${MAX_FAULTS} wrong values; not all are told`));
    validators.checkNames(data, tree, report);
    return { data, tree };
  }
}

class Validators {
  readonly #policies: ReadonlyMap<string, Policy>;
  readonly #compile = createCompiler();
  readonly #main = this.#compile(ConfigSchema);
  readonly #options = new Map<string, ValidateFunction | string>();
  /** Whether the last check stopped before it had seen everything. */
  givenUp = false;

  constructor(policies: ReadonlyMap<string, Policy>) {
    this.#policies = policies;
  }

  /** All errors of all schemas; changes `data` as the keywords and defaults say. */
  check(data: unknown, tree: ConfigNode): ErrorObject[] {
    const context: KeywordContext = { folderOf: (pointer) => dirname(nodeAt(tree, pointer).at.file), faults: 0 };
    const errors: ErrorObject[] = [];
    this.#main.call(context, data);
    // Not `push(...)`: a list of a hundred thousand errors is more than a call takes.
    for (const error of this.#main.errors ?? []) errors.push(error);
    for (const [i, entry] of entriesOf(data)) {
      const options = entry.with;
      if (typeof options !== 'object' || options === null || Array.isArray(options)) continue;
      const validate = this.#optionsOf(entry.policy);
      if (typeof validate !== 'function') continue;
      const instancePath = `/policies/${i}/with`;
      const place = { instancePath, parentData: entry, parentDataProperty: 'with', rootData: {}, dynamicAnchors: {} };
      validate.call(context, options, place);
      for (const error of validate.errors ?? []) errors.push(error);
    }
    this.givenUp = context.faults >= MAX_FAULTS;
    return errors;
  }

  /** Reports policies that do not exist, and those whose schema is faulty. */
  checkNames(data: unknown, tree: ConfigNode, report: Report): void {
    const names = [...this.#policies.keys()].sort();
    for (const [i, entry] of entriesOf(data)) {
      const name = entry.policy;
      if (typeof name !== 'string' || name === '') continue;
      const pointer = childPointer(`/policies/${i}`, 'policy');
      const node = nodeAt(tree, pointer);
      const fault = this.#optionsOf(name);
      if (fault === undefined) {
        const typed = node.kind === 'scalar' && node.from === undefined ? didYouMean(name, names) : '';
        report(problemAt(node.at, pointer, `is no policy that is known here${typed}; policies: ${listNames(names)}`));
      } else if (typeof fault === 'string') {
        report(problemAt(node.at, pointer, `has options whose schema is faulty, which its author must mend: ${fault}`));
      }
    }
  }

  /** The validation of a policy's options, or why there is none; undefined for an unknown policy. */
  #optionsOf(name: unknown): ValidateFunction | string | undefined {
    if (typeof name !== 'string') return undefined;
    const policy = this.#policies.get(name);
    if (policy === undefined) return undefined;
    let compiled = this.#options.get(name);
    if (compiled === undefined) {
      try {
        compiled = this.#compile(policy.schema);
      } catch (error) {
        compiled = error instanceof Error ? error.message : String(error);
      }
      this.#options.set(name, compiled);
    }
    return compiled;
  }
}

function entriesOf(data: unknown): [number, Record<string, unknown>][] {
  const list = schemaPart(data).policies;
  if (!Array.isArray(list)) return [];
  return [...list.entries()].filter(
    ([, entry]) => typeof entry === 'object' && entry !== null && !Array.isArray(entry),
  ) as [number, Record<string, unknown>][];
}
