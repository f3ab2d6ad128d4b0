/** A file that lists keys: the same entries as in `proxy.yaml`, as YAML or JSON. */
import { Ajv, type ValidateFunction } from 'ajv';
import Type from 'typebox';
import { parse } from 'yaml';
import { ClientKey, type ClientKeyConfig } from './schema.ts';

let compiled: ValidateFunction<ClientKeyConfig[]> | undefined;

/** Made for the first file: nobody else should pay for it at the start. */
function checkOfEntries(): ValidateFunction<ClientKeyConfig[]> {
  compiled ??= new Ajv({ useDefaults: true, strict: false, validateSchema: false }).compile<ClientKeyConfig[]>(
    Type.Array(ClientKey, { maxItems: 10_000 }),
  );
  return compiled;
}

/** The entries of a text. Throws an Error that names the entry and what is wrong, and shows nothing of its content. */
export function parseKeyFile(text: string): readonly ClientKeyConfig[] {
  let data: unknown;
  try {
    data = parse(text, { maxAliasCount: 0, logLevel: 'silent' });
  } catch {
    throw new Error('it is neither YAML nor JSON');
  }
  const check = checkOfEntries();
  if (check(data)) return data;
  const [error] = check.errors ?? [];
  const [, index, member] = (error?.instancePath ?? '').split('/');
  if (index === undefined) throw new Error('it must be a list of entries as `sluice hash-key` prints them');
  const place = member === undefined ? '' : `, \`${member}\``;
  throw new Error(`entry ${Number(index) + 1}${place}: ${whatIsWrong(error)}`);
}

/** Messages of ajv name keywords of the schema, and with them nothing of the value. */
function whatIsWrong(error: { keyword: string; message?: string; parentSchema?: unknown } | undefined): string {
  if (error?.keyword === 'pattern') return 'is not written as it must be';
  return error?.message ?? 'is not valid';
}
