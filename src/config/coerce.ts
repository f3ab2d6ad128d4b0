/**
 * Variables are texts; where the schema wants a number or a boolean, a text that came from one becomes it. What stands
 * in the file itself is never coerced: `"5"` in quotes is a text, and an error where a number is wanted.
 */
import type { ErrorObject } from 'ajv';
import { type ConfigNode, mapScalars, nodeAt } from './tree.ts';

type Coerced = string | number | boolean;

/** The tree with every variable coerced whose type was an error; undefined when there was none to coerce. */
export function coerceVariables(tree: ConfigNode, errors: readonly ErrorObject[]): ConfigNode | undefined {
  const coerced = new Map<string, Coerced>();
  for (const error of errors) {
    const node = nodeAt(tree, error.instancePath);
    if (node.kind !== 'scalar' || typeof node.value !== 'string') continue;
    if (node.from === undefined || error.data !== node.value) continue;
    const value = wanted(error, node.value.trim());
    if (value !== undefined) coerced.set(error.instancePath, value);
  }
  if (coerced.size === 0) return undefined;
  return mapScalars(tree, (scalar, pointer) => {
    const value = coerced.get(pointer);
    return value === undefined ? scalar : { ...scalar, value };
  });
}

function wanted(error: ErrorObject, text: string): Coerced | undefined {
  const { params } = error;
  if (error.keyword === 'const') return same(text, params.allowedValue);
  if (error.keyword === 'enum') return params.allowedValues.map((value: unknown) => same(text, value)).find(isDefined);
  if (error.keyword !== 'type') return undefined;
  return [params.type]
    .flat()
    .map((type) => ofType(text, type))
    .find(isDefined);
}

function ofType(text: string, type: unknown): Coerced | undefined {
  if (type === 'boolean') return /^(?:true|false)$/i.test(text) ? text.toLowerCase() === 'true' : undefined;
  if (type === 'integer') return /^[-+]?\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (type === 'number') return /^[-+]?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
  return undefined;
}

function same(text: string, value: unknown): Coerced | undefined {
  return (typeof value === 'number' || typeof value === 'boolean') && String(value) === text ? value : undefined;
}

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined;
}
