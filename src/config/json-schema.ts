/** The JSON Schema of `proxy.yaml` for editors: our keywords become patterns, and what has a default need not be written. */
import type { Policy } from '../policy.ts';
import { describeSchema, type SchemaPart, schemaPart } from './describe-schema.ts';
import { annotations, isOwnKeyword } from './keywords.ts';
import { ConfigSchema } from './schema.ts';

/** What a `${VAR}` looks like; it may stand wherever a scalar may. */
const variable = { type: 'string', pattern: '\\$\\{[A-Za-z_]' };

/** Patterns of the written forms that have one. */
const patterns: Readonly<Record<string, string>> = {
  duration: '^(0|\\d+(\\.\\d+)?(ms|s|m|h))$|\\$\\{',
  size: '^\\d+(\\.\\d+)?(B|KiB|MiB|GiB)?$|\\$\\{',
  percent: '^\\d{1,3}(\\.\\d+)?%$|\\$\\{',
};

/** Draft-07, which editors know best. */
export function proxySchema(policies: ReadonlyMap<string, Policy>): object {
  const schema = forEditors(schemaPart(ConfigSchema)) as Record<string, unknown>;
  const entry = schemaPart(schemaPart(schemaPart(schema.properties).policies).items);
  const names = [...policies.keys()].sort();
  const properties = {
    ...schemaPart(entry.properties),
    policy: { enum: names, description: 'A policy of the catalogue.' },
  };
  const options = names.map((name) => ({
    if: { properties: { policy: { const: name } }, required: ['policy'] },
    // biome-ignore lint/suspicious/noThenProperty: `then` is a keyword of JSON Schema.
    then: {
      properties: {
        with: { ...forEditors(schemaPart(policies.get(name)?.schema)), description: policies.get(name)?.summary },
      },
    },
  }));
  const items = { ...entry, properties, allOf: options };
  const list = { ...schemaPart(schemaPart(schema.properties).policies), items };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'proxy.yaml of Sluice',
    ...schema,
    // An overlay says only what it changes.
    required: [],
    properties: { ...schemaPart(schema.properties), policies: list },
  };
}

function forEditors(schema: SchemaPart): object {
  const made: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (isOwnKeyword(key)) {
      if (patterns[key] !== undefined) made.pattern = patterns[key];
    } else if (!(annotations as readonly string[]).includes(key)) {
      made[key] = rewritten(key, value, schema);
    }
  }
  if (Object.keys(schema).some(isOwnKeyword)) {
    made.description = [schema.description, `Written as ${describeSchema({ ...schema, description: undefined })}.`]
      .filter(Boolean)
      .join(' ');
  }
  const isScalar = ['integer', 'number', 'boolean'].includes(String(schema.type)) || schema.enum !== undefined;
  if (!isScalar) return made;
  const { description, default: preset, ...rest } = made;
  return {
    anyOf: [rest, variable],
    ...(description === undefined ? {} : { description }),
    ...(preset === undefined ? {} : { default: preset }),
  };
}

function rewritten(key: string, value: unknown, schema: SchemaPart): unknown {
  if (key === 'required') {
    const properties = schemaPart(schema.properties);
    return (value as string[]).filter((name) => schemaPart(properties[name]).default === undefined);
  }
  if (key === 'properties' || key === 'patternProperties') {
    return Object.fromEntries(
      Object.entries(schemaPart(value)).map(([name, part]) => [name, forEditors(schemaPart(part))]),
    );
  }
  if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object'))
    return forEditors(schemaPart(value));
  if (key === 'anyOf') return (value as unknown[]).map((branch) => forEditors(schemaPart(branch)));
  return value;
}
