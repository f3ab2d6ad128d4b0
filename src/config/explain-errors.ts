/** Turns what ajv found into problems with places and with words for people. */
import type { ErrorObject } from 'ajv';
import { describeSchema, schemaPart } from './describe-schema.ts';
import { isOwnKeyword } from './keywords.ts';
import { childPointer } from './pointer.ts';
import { type ConfigProblem, problemAt } from './problems.ts';
import { describeValue, listNames } from './quote.ts';
import { standsUnderSecret } from './secret-names.ts';
import { didYouMean, nearest } from './suggest.ts';
import { type ConfigNode, keyLocation, nodeAt } from './tree.ts';
import { collapseUnions } from './unions.ts';

/** One problem for each thing that is wrong, however many errors ajv made of it. `errors` come from a verbose validation. */
export function explainErrors(errors: readonly ErrorObject[], tree: ConfigNode): ConfigProblem[] {
  const collapsed = collapseUnions(errors);
  const mistyped = mistypedKeys(collapsed);
  const problems = new Map<string, ConfigProblem>();
  for (const error of collapsed) {
    if (error.keyword === 'required' && mistyped.has(keyOf(error, 'missingProperty'))) continue;
    const problem = explain(error, tree);
    if (problem !== undefined) problems.set(`${error.instancePath} ${problem.message} ${problem.path}`, problem);
  }
  return [...problems.values()];
}

/** Names that somebody evidently meant: `upsteam` is one mistake, not an unknown key and a missing one. */
function mistypedKeys(errors: readonly ErrorObject[]): Set<string> {
  const meant = new Set<string>();
  for (const error of errors) {
    if (error.keyword !== 'additionalProperties') continue;
    const name = nearest(String(error.params.additionalProperty), knownKeys(error));
    if (name !== undefined) meant.add(`${error.instancePath} ${name}`);
  }
  return meant;
}

function keyOf(error: ErrorObject, param: string): string {
  return `${error.instancePath} ${String(error.params[param])}`;
}

function explain(error: ErrorObject, tree: ConfigNode): ConfigProblem | undefined {
  const pointer = error.instancePath;
  const node = nodeAt(tree, pointer);
  if (node.kind === 'scalar' && node.broken === true) return undefined;
  switch (error.keyword) {
    case 'additionalProperties':
    case 'propertyNames': {
      const key = String(error.params.additionalProperty ?? error.params.propertyName);
      return problemAt(keyLocation(node, key), childPointer(pointer, key), unknownKey(key, error));
    }
    case 'required': {
      const key = String(error.params.missingProperty);
      const wanted = schemaPart(schemaPart(error.parentSchema?.properties)[key]);
      const about = String(wanted.expects ?? wanted.description ?? describeSchema(wanted)).replace(/\.$/, '');
      return problemAt(node.at, pointer, `needs \`${key}\`: ${about}`);
    }
    case 'if':
      return undefined;
    default:
      return error.propertyName === undefined ? problemAt(node.at, pointer, wrongValue(error, node)) : undefined;
  }
}

function knownKeys(error: ErrorObject): string[] {
  return Object.keys(schemaPart(error.parentSchema?.properties));
}

function unknownKey(key: string, error: ErrorObject): string {
  const wanted: unknown = error.parentSchema?.expectsKey;
  if (typeof wanted === 'string') return `is no valid name here; a name must be ${wanted}`;
  const keys = knownKeys(error);
  if (keys.length === 0) return 'is not a known key; none is allowed here';
  return `is not a known key${didYouMean(key, keys)}; known keys: ${listNames(keys)}`;
}

function wrongValue(error: ErrorObject, node: ConfigNode): string {
  const schema = error.parentSchema;
  if (error.keyword === 'uniqueItems') return 'must not hold the same entry twice';
  const right = isOwnKeyword(error.keyword) ? (error.message ?? '') : `must be ${describeSchema(schema)}`;
  if (node.kind === 'scalar' && node.from !== undefined && node.from.length > 0) {
    return `${right}; the value of ${node.from.map((name) => `\${${name}}`).join(', ')} is not`;
  }
  // These messages say what is wrong without any part of the text, which may hold a password or be a key.
  if (error.keyword === 'url' || error.keyword === 'variable') return right;
  const { data } = error;
  const { type } = schemaPart(schema);
  // A URL with its password, or a key, put where the map belongs that should hold it.
  const wantsMore = type === 'object' || type === 'array';
  if (typeof data === 'string' && (wantsMore || standsUnderSecret(error.instancePath))) return `${right}, got a text`;
  return `${right}, got ${describeValue(data)}${hint(data, schemaPart(schema))}`;
}

/** What to do about the commonest mistakes. */
function hint(data: unknown, schema: Readonly<Record<string, unknown>>): string {
  if (data === null) return '; give it a value or remove the key';
  if (Object.keys(schema).some(isOwnKeyword)) return '';
  const types = [schema.type].flat();
  const wantsText = types.length === 1 && types[0] === 'string';
  if (wantsText && (typeof data === 'number' || typeof data === 'boolean')) return '; put it in quotes';
  if (typeof data !== 'string') return '';
  const values = schema.enum;
  if (Array.isArray(values)) return didYouMean(data, values.map(String));
  const plain = types.includes('boolean') ? /^(?:true|false)$/ : /^-?\d+(?:\.\d+)?$/;
  return !types.includes('string') && plain.test(data) ? '; write it without quotes' : '';
}
