/**
 * Compiles schemas of configurations with ajv. The bundle has another module in the place of this one: there the schemas
 * that are known were compiled by the build (`precompile.ts`), and this one is loaded for a schema that was not.
 */
import { Ajv, type Options, type ValidateFunction } from 'ajv';
import { declareKeywords } from './keywords.ts';

/** Compiles one schema; throws an Error for one that is faulty. A validation needs a `KeywordContext` as `this`. */
export type CompileSchema = (schema: object) => ValidateFunction;

/** How configurations are validated, wherever the code for it is made. */
export const validation = {
  // A start waits for this: a test holds the schemas against the metaschema, and what is compiled runs once or twice.
  validateSchema: false,
  meta: false,
  strict: true,
  allErrors: true,
  verbose: true,
  useDefaults: true,
  allowUnionTypes: true,
  passContext: true,
  ownProperties: true,
} as const satisfies Options;

/** Makes a compiler for one validation; it compiles when asked, and nothing twice. */
export function createCompiler(): CompileSchema {
  const ajv = new Ajv({ ...validation, code: { optimize: false } });
  declareKeywords(ajv);
  return (schema) => ajv.compile(schema);
}
