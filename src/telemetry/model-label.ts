/** The closed list behind the label `gen_ai_request_model`: the entries of `telemetry.metrics.models`. */
import { compileGlob, type Glob } from '../pipeline/glob.ts';

/** The label of a model that no entry matches, and that of a request whose model is not known. */
export const OTHER_MODEL = 'other';
export const NO_MODEL = 'none';

/** Longer names are no model's; matching costs time. */
const MAX_NAME = 256;

/**
 * Gives models their label: the entry that matches, an exact name before globs, globs in their order. The entry and not
 * the name, since a client may send any name that a glob matches.
 */
export class ModelLabels {
  readonly #exact: ReadonlySet<string>;
  readonly #globs: readonly { readonly pattern: string; readonly matches: Glob }[];

  constructor(patterns: readonly string[]) {
    this.#exact = new Set(patterns);
    this.#globs = patterns
      .filter((pattern) => pattern.includes('*'))
      .map((pattern) => ({ pattern, matches: compileGlob(pattern) }));
  }

  of(model: string | undefined): string {
    if (model === undefined) return NO_MODEL;
    if (model.length > MAX_NAME) return OTHER_MODEL;
    if (this.#exact.has(model)) return model;
    return this.#globs.find(({ matches }) => matches(model))?.pattern ?? OTHER_MODEL;
  }
}
