/**
 * What ajv makes of schemas, as source: `esbuild.mjs` puts it into the bundle in the place of `compile-schema.ts`, so that
 * a start neither loads ajv nor waits for it. Nothing here runs in production.
 */
import { _, Ajv, type Code, Name } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { validation } from './compile-schema.ts';
import { declareKeywords, ownKeywords } from './keywords.ts';

/**
 * The source of a module with the exports of `compile-schema.ts` that production uses. A schema is recognised by its JSON,
 * so that one that the build did not know, or knew otherwise, is compiled as from source.
 * @param original what to `require` for such a schema
 */
export function precompiledModule(schemas: readonly object[], original: string): string {
  const made = schemas.map((schema) => `[${JSON.stringify(JSON.stringify(schema))},${sourceOf(schema)}]`);
  return `import{ownKeywords}from'./keywords.ts';
const made=new Map([${made.join(',\n')}]);
export function createCompiler(){
  let compile;
  return(schema)=>{
    const make=made.get(JSON.stringify(schema));
    if(make!==undefined)return make(schema,ownKeywords);
    compile??=require(${JSON.stringify(original)}).createCompiler();
    return compile(schema);
  };
}`;
}

/** A function expression that takes the schema and the keywords and returns the validation. */
function sourceOf(schema: object): string {
  const ajv = new Ajv({ ...validation, code: { source: true } });
  declareKeywords(ajv);
  const validate = ajv.compile(schema);
  // What the code refers to: ajv knows how to write patterns and functions of its own, the rest comes from its caller.
  for (const names of Object.values(validate.source?.scopeValues ?? {})) {
    for (const { value } of names ?? []) {
      const code = codeOf(value?.ref, schema);
      if (code !== undefined && value !== undefined) value.code = code;
    }
  }
  const code = standalone.default(ajv, validate).replace('"use strict";', '"use strict";const module={};');
  return `function(schema,keywords){${code}return module.exports}`;
}

/** How the function of {@link sourceOf} names a value; undefined for what ajv has code for. */
function codeOf(value: unknown, schema: object): Code | undefined {
  if (value === schema) return _`schema`;
  const keyword = Object.keys(ownKeywords).find((name) => ownKeywords[name] === value);
  return keyword === undefined ? undefined : _`keywords.${new Name(keyword)}`;
}
