/**
 * What providers tell of the limits of a key. Header values are a stranger's: what is not in one of the known forms says
 * nothing, and every bound is set by who uses the result.
 */
import type { Dialect, HeaderReader } from '../../policy.ts';

/** Names of a dialect's limit headers: `{what}` is one of `kinds`. */
interface LimitHeaders {
  readonly kinds: readonly string[];
  readonly name: (part: 'limit' | 'remaining' | 'reset', kind: string) => string;
}

const openai: LimitHeaders = {
  kinds: ['requests', 'tokens'],
  name: (part, kind) => `x-ratelimit-${part}-${kind}`,
};
const anthropic: LimitHeaders = {
  kinds: ['requests', 'tokens', 'input-tokens', 'output-tokens'],
  name: (part, kind) => `anthropic-ratelimit-${kind}-${part}`,
};
const byDialect: Readonly<Partial<Record<Dialect, LimitHeaders>>> = {
  openai,
  openrouter: openai,
  mistral: openai,
  'azure-openai': openai,
  anthropic,
};

/**
 * After how many milliseconds the provider says a key may be used again: by `retry-after-ms`, `Retry-After` (seconds or
 * an HTTP date, RFC 9110 §10.2.3), or the resets of the dialect. Undefined when it does not say; it may be 0 or absurd.
 */
export function toldRest(dialect: Dialect, headers: HeaderReader, now = Date.now()): number | undefined {
  return (
    number(headers.get('retry-after-ms')) ?? retryAfter(headers.get('retry-after'), now) ?? reset(dialect, headers, now)
  );
}

/**
 * How much room a key has left: the smallest of what the dialect's limits leave, as a share of the limit where the limit
 * is told, else as it is told. Undefined when nothing is told: negative is unknown, and so is 0 from Azure.
 */
export function toldRoom(dialect: Dialect, headers: HeaderReader): number | undefined {
  const known = byDialect[dialect];
  if (known === undefined) return undefined;
  let least: number | undefined;
  for (const kind of known.kinds) {
    const left = number(headers.get(known.name('remaining', kind)));
    if (left === undefined || (left === 0 && dialect === 'azure-openai')) continue;
    const limit = number(headers.get(known.name('limit', kind)));
    const room = limit === undefined || limit === 0 ? left : left / limit;
    if (least === undefined || room < least) least = room;
  }
  return least;
}

/** The latest reset of the limits that are used up; of all of them when none is said to be. */
function reset(dialect: Dialect, headers: HeaderReader, now: number): number | undefined {
  const known = byDialect[dialect];
  let spent: number | undefined;
  let any: number | undefined;
  for (const kind of known?.kinds ?? []) {
    const text = headers.get(known?.name('reset', kind) ?? '');
    const wait = duration(text) ?? date(text, rfc3339, now);
    if (wait === undefined) continue;
    any = Math.max(any ?? 0, wait);
    if (number(headers.get(known?.name('remaining', kind) ?? '')) === 0) spent = Math.max(spent ?? 0, wait);
  }
  return spent ?? any;
}

const imfDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
/** OpenAI's `12ms`, `6m0s`, `1h2m3.5s`; each part at most nine digits. */
const parts =
  /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?$/;
const partMs = [86_400_000, 3_600_000, 60_000, 1_000, 1];

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
}

function retryAfter(text: string | undefined, now: number): number | undefined {
  const seconds = number(text);
  return seconds === undefined ? date(text, imfDate, now) : seconds * 1000;
}

function date(text: string | undefined, form: RegExp, now: number): number | undefined {
  if (text === undefined || !form.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function duration(text: string | undefined): number | undefined {
  const seconds = number(text);
  if (seconds !== undefined) return seconds * 1000;
  const found = text === undefined || text === '' ? null : parts.exec(text);
  if (found === null) return undefined;
  return partMs.reduce((sum, unit, i) => sum + Number(found[i + 1] ?? 0) * unit, 0);
}
