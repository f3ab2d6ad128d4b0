/** Values of JSON that somebody else wrote. */

/** A JSON object, as far as anybody knows. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The value when it is an object (arrays are not), else undefined. */
export function object(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** The objects of an array; none when it is no array. */
export function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.map(object).filter((item) => item !== undefined) : [];
}

/** No answer has more of anything: one mistaken number would spoil a sum for good. */
const most = 2 ** 32;

/** A number of tokens, or of anything else that is counted. */
export function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
    ? (value as number)
    : undefined;
}

/** The sum of what is known; undefined when nothing is. */
export function sum(...values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0);
}

/** A text that is not empty, cut to a length. */
export function shortened(value: unknown, length: number): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  // Through a Buffer: a slice would keep the whole string in memory.
  return value.length <= length ? value : Buffer.from(value.slice(0, length)).toString();
}

/** What JSON text says; undefined when it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
