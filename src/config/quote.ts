/** How values of the configuration are shown in messages: short, on one line, and harmless to a terminal. */

const LONGEST = 60;

/** A text in quotes: at most 60 characters of it, control and formatting characters escaped. */
export function quote(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return JSON.stringify(cut).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** A text in quotes where a password may stand by mistake: what is longer than a slip of the pen is not shown. */
export function quoteBriefly(text: string): string {
  return text.length < 12 ? quote(text) : 'a text';
}

/** A value of any kind in a few words: scalars as written, collections by their kind. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'an empty string' : quote(value);
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return String(value);
}

/** Several names for a message, at most 40 of them. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 40).map((name) => (/^[\w./*-]{1,64}$/.test(name) ? name : quote(name)));
  if (names.length > shown.length) shown.push(`and ${names.length - shown.length} more`);
  return shown.join(', ');
}
