/** Tells what a schema wants in the words of a message: `an integer of at least 1`, `one of enforce, shadow`. */
import { describeValue, listNames } from './quote.ts';
import { describeUrl, type UrlRule } from './url-rule.ts';

/** The parts of a JSON Schema that are read here. */
export type SchemaPart = Readonly<Record<string, unknown>>;

/** A part of a schema as a record; empty when it is none. */
export function schemaPart(value: unknown): SchemaPart {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as SchemaPart) : {};
}

/** What would be right, to be put after `must be`. */
export function describeSchema(value: unknown): string {
  const schema = schemaPart(value);
  if (typeof schema.expects === 'string') return schema.expects;
  if (schema.const !== undefined) return describeValue(schema.const);
  if (Array.isArray(schema.enum)) {
    const names = schema.enum.map(String);
    return names.length === 1 ? listNames(names) : `one of ${listNames(names)}`;
  }
  const branches = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(branches)) return describeBranches(branches);
  return describeKeyword(schema) ?? describeType(schema);
}

function describeBranches(branches: readonly unknown[]): string {
  const told = branches.map((branch) => {
    const items = schemaPart(branch).items;
    const kinds: unknown = schemaPart(items).anyOf ?? [items];
    // One or a list of the same is the commonest union; it needs no second description.
    const same = items !== undefined && Array.isArray(kinds) && kinds.every((kind) => branches.includes(kind));
    return same ? 'a list of such' : describeSchema(branch);
  });
  return [...new Set(told)].join(', or ');
}

function describeKeyword(schema: SchemaPart): string | undefined {
  if (schema.duration !== undefined) return bounded('a duration (250ms, 5s, 2m, 1h)', schema.duration, ', or 0');
  if (schema.size !== undefined) return bounded('a size (512, 64KiB, 1MiB)', schema.size, '');
  if (schema.percent !== undefined) return 'a share from 0% to 100%';
  if (schema.cidr !== undefined) return 'an address or a CIDR (10.0.0.0/8, ::1/128)';
  if (schema.url !== undefined) return describeUrl(schema.url as UrlRule);
  if (schema.listen !== undefined) return 'host:port (localhost:7480, 0.0.0.0:7480, [::]:7480)';
  if (schema.path !== undefined) return 'the path of a file';
  return undefined;
}

function bounded(kind: string, rule: unknown, zero: string): string {
  const { min, max } = schemaPart(rule);
  const limits = range(min, max, undefined);
  return min === undefined ? `${kind}${limits}${zero}` : `${kind}${limits}`;
}

function describeType(schema: SchemaPart): string {
  const types = [schema.type].flat();
  return types.map((type) => describeOneType(type, schema)).join(' or ');
}

function describeOneType(type: unknown, schema: SchemaPart): string {
  switch (type) {
    case 'string':
      return describeText(schema);
    case 'integer':
      return `an integer${range(schema.minimum, schema.maximum, schema.exclusiveMinimum)}`;
    case 'number':
      return `a number${range(schema.minimum, schema.maximum, schema.exclusiveMinimum)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list${count('entry', 'entries', schema.minItems, schema.maxItems)}`;
    case 'object': {
      const keys = Object.keys(schemaPart(schema.properties));
      const few = keys.length > 0 && keys.length <= 4 ? ` with ${listNames(keys)}` : '';
      return `a map${few || count('key', 'keys', schema.minProperties, schema.maxProperties)}`;
    }
    case 'null':
      return 'nothing';
    default:
      return 'something else';
  }
}

function describeText(schema: SchemaPart): string {
  if (schema.pattern !== undefined) return `a text that matches ${String(schema.pattern)}`;
  const { minLength, maxLength } = schema;
  const most = maxLength === undefined ? '' : ` of at most ${String(maxLength)} characters`;
  if (minLength === undefined || minLength === 0) return `a text${most}`;
  return minLength === 1
    ? `a text that is not empty${most && `,${most}`}`
    : `a text of at least ${String(minLength)} characters`;
}

function range(min: unknown, max: unknown, above: unknown): string {
  if (min !== undefined && max !== undefined) return ` from ${String(min)} to ${String(max)}`;
  const parts: string[] = [];
  if (min !== undefined) parts.push(`of at least ${String(min)}`);
  if (above !== undefined) parts.push(`above ${String(above)}`);
  if (max !== undefined) parts.push(`of at most ${String(max)}`);
  return parts.map((part) => ` ${part}`).join(' and');
}

function count(one: string, many: string, min: unknown, max: unknown): string {
  const limits: string[] = [];
  if (min !== undefined) limits.push(`at least ${String(min)} ${min === 1 ? one : many}`);
  if (max !== undefined) limits.push(`at most ${String(max)} ${max === 1 ? one : many}`);
  return limits.length === 0 ? '' : ` with ${limits.join(' and ')}`;
}
