/** The configuration in effect, for `/config`: defaults filled in, values as people write them, secrets left out. */
import type { Policy } from '../policy.ts';
import { REDACTED, scrub } from '../telemetry/redact.ts';
import { type SchemaPart, schemaPart } from './describe-schema.ts';
import { childPointer } from './pointer.ts';
import { type Config, ConfigSchema } from './schema.ts';
import { looksSecret } from './secret-names.ts';
import { formatDuration, formatPercent, formatSize } from './units.ts';

/** What is needed besides the configuration. */
export interface EffectiveOptions {
  /** Texts that came from variables are shown by the variable's name, for any of them may be a secret. */
  readonly references: ReadonlyMap<string, string>;
  readonly policies: ReadonlyMap<string, Policy>;
}

/** A copy that may be shown. */
export function effectiveConfig(config: Config, options: EffectiveOptions): unknown {
  return show(config, schemaPart(ConfigSchema), '', false, options);
}

function show(value: unknown, schema: SchemaPart, pointer: string, hide: boolean, options: EffectiveOptions): unknown {
  if (typeof value === 'string') {
    const reference = options.references.get(pointer);
    if (reference !== undefined) return value === '' ? '' : reference;
    // One of a closed list, e.g. `credentials: strip`, is no secret whatever its key is called.
    if (Array.isArray(schema.enum) && schema.enum.includes(value)) return value;
    return hide ? REDACTED : scrub(withoutUserinfo(value));
  }
  if (typeof value === 'number') return written(value, schema);
  if (Array.isArray(value)) {
    const items = schemaPart(schema.items);
    return value.map((item, i) => show(item, items, childPointer(pointer, i), hide, options));
  }
  if (typeof value !== 'object' || value === null) return value;
  const properties = schemaPart(schema.properties);
  const others = schemaPart(Object.values(schemaPart(schema.patternProperties))[0]);
  const shown: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    let part = schemaPart(properties[key] ?? others);
    if (key === 'with' && 'policy' in value) part = schemaPart(options.policies.get(String(value.policy))?.schema);
    // Where a secret is (a variable's name, a path) is no secret; what else stands under such a name may be one.
    const isPlace = (key === 'env' || key === 'file') && typeof member === 'string';
    // A name that the user chose, such as an upstream's, says nothing of a map whose own keys are known.
    const isName = properties[key] === undefined && part.properties !== undefined;
    const secret = !isPlace && part.public !== true && (hide || part.hidden === true || (looksSecret(key) && !isName));
    shown[key] = show(member, part, childPointer(pointer, key), secret, options);
  }
  return shown;
}

function written(value: number, schema: SchemaPart): unknown {
  if (schema.duration !== undefined) return formatDuration(value);
  if (schema.size !== undefined) return formatSize(value);
  return schema.percent === undefined ? value : formatPercent(value);
}

/** Passwords in URLs, e.g. of Redis. */
function withoutUserinfo(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${REDACTED}@`);
}
