/**
 * The one place where secrets are kept out of what Sluice says: log lines, spans, error answers, messages about the
 * configuration, `/config`. Three ways, for none is enough by itself: fields whose name says that they hold a secret,
 * texts that look like one, and the values of those that this process holds. It is a second line of defence; the first is
 * that secrets are never handed to the log. What JSON.parse quotes of its input goes too: that may be somebody's prompt.
 */
import { knownVersion, withoutKnown } from './known-secrets.ts';

/** Stands where a secret was. */
export const REDACTED = '[redacted]';

const MAX_TEXT = 4096;
const MAX_KEYS = 64;
const MAX_ITEMS = 32;
const MAX_DEPTH = 4;
const MAX_NAME = 128;

/** Longer than any secret that a text may be cut within. */
const MARGIN = 1024;

/**
 * Texts that look like a secret: what follows `Bearer` or `Basic`, keys of providers and clouds by their prefix, JWTs,
 * private keys in PEM, user and password of a URL, key-bearing query parameters, assignments and header lines. Each
 * alternative scans at most once from each start, so that a hostile text costs linear time.
 */
const SECRET_TEXT = new RegExp(
  [
    '-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\\w+/=\\s\\\\-]*',
    '\\b(?:bearer(?:\\s+|%20|\\+)[\\w.~+/=-]{8,}|basic\\s+[\\w+/=]{16,})',
    '(?:\\b|(?<=%[0-9a-f]{2}))(?:sk-|sk%2d|sk_|gsk_|xai-|hf_|pplx-|r8_|csk-|nvapi-|fw_|tgp_v1_|gh[pousr]_|github_pat_|glpat-|xox[a-z]-)[\\w-]{12,}',
    '(?<![\\w-])AIza[\\w-]{30,}',
    '(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])',
    '(?<![\\w-])ya29\\.[\\w-]{16,}',
    '(?<![\\w-])eyJ[\\w-]{8,}\\.[\\w-]{8,}\\.[\\w-]*',
    '(?<=://)[^\\s/?#"\']{1,512}@',
    '(?<=[?&](?:key|api[-_]?key|access[-_]token|auth|token|secret|password|sig|signature|x-amz-signature|x-amz-security-token)=)[^&\\s"\'#]+',
    '(?<=\\b(?:x-api-key|api[-_]?key|x-goog-api-key|(?:proxy-)?authorization|(?:set-)?cookie|(?:client|api)[-_]?secret|access[-_]token|refresh[-_]token|id[-_]token|password|passwd)["\']{0,2}\\s?[:=]\\s?["\']?)(?:\\w+ )?[^\\s"\',;]{8,}',
  ].join('|'),
  'gi',
);

/**
 * What every match of {@link SECRET_TEXT} holds: a text without any of it needs no search, and most paths, ids and
 * addresses are such.
 */
const MAY_BE_SECRET = /[-_%=:@+\s]|eyj|aiza|akia|asia|ya29/i;

/** V8 quotes up to 40 characters of a text that is not JSON. */
const QUOTED_INPUT = /"[\s\S]{0,96}?"(?:\.{3})? is not valid JSON/g;

/** Names that mean a secret when a field's name ends so, compared in lower case without `-`, `_` and `.`. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  'cookies',
  'headers',
  'secret',
  'secrets',
  'password',
  'passwd',
  'passphrase',
  'credential',
  'credentials',
  'apikey',
  'apikeys',
  'privatekey',
  'accesskey',
  'secretkey',
  'token',
];

/** The text without what looks like a key, a token or a password in it. Cut after `max` characters. */
export function scrub(text: string, max: number = MAX_TEXT): string {
  // Taken out before it is cut: half of a secret would not be known for one.
  const cut = text.length > max + MARGIN;
  const bounded = cut ? text.slice(0, max + MARGIN) : text;
  let clean = withoutKnown(bounded, REDACTED);
  if (MAY_BE_SECRET.test(clean)) clean = clean.replace(SECRET_TEXT, replaceSecret);
  if (clean.includes(' is not valid JSON')) clean = clean.replace(QUOTED_INPUT, `${REDACTED} is not valid JSON`);
  // The end of a cut text may be the first half of a secret: only what lies before the margin, or before the last secret
  // that was found, is known to be whole.
  const found = clean.lastIndexOf(REDACTED);
  const whole = cut ? Math.max(clean.length - MARGIN, found === -1 ? 0 : found + REDACTED.length) : clean.length;
  const kept = Math.min(max, whole);
  return cut || kept < clean.length ? `${clean.slice(0, kept)}…` : clean;
}

const MOST_NAMES = 512;
const LONGEST_NAME = 128;
/** Names that came out of {@link scrub} as they went in; only of those secrets that were known at that version. */
const harmless = new Set<string>();
let harmlessAt = 0;

/** {@link scrub} for what is said again and again, e.g. names of models: what was harmless is not searched again. */
export function scrubName(text: string, max: number): string {
  if (text.length > LONGEST_NAME || text.length > max) return scrub(text, max);
  if (harmlessAt !== knownVersion()) {
    harmless.clear();
    harmlessAt = knownVersion();
  }
  if (harmless.has(text)) return text;
  const clean = scrub(text, max);
  if (clean !== text) return clean;
  if (harmless.size >= MOST_NAMES) harmless.clear();
  harmless.add(text);
  return text;
}

/** Whether a part of the text looks like a key, a token or a password, whether this process holds it or not. */
export function looksLikeSecret(text: string): boolean {
  return text.search(SECRET_TEXT) !== -1;
}

function replaceSecret(found: string): string {
  return found.endsWith('@') ? `${REDACTED}@` : REDACTED;
}

/** Whether a field of this name holds secrets, e.g. `x-api-key`, `set-cookie`, `headers`, `clientSecret`. */
export function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replace(/[-_.]/g, '');
  return SECRET_NAMES.some((secret) => plain.endsWith(secret));
}

/**
 * A copy of log fields that is safe to write: secrets redacted, texts scrubbed, errors as plain objects, everything
 * bounded in depth and size. Never throws, whatever the fields are.
 * @param withStack whether errors keep their stack (debug level only).
 */
export function redactFields(fields: object, withStack = false): Record<string, unknown> {
  return copyObject(fields, withStack, 0);
}

function copyObject(source: object, withStack: boolean, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(source).slice(0, MAX_KEYS)) {
    const shown = scrub(key, MAX_NAME);
    let value: unknown;
    try {
      value = (source as Record<string, unknown>)[key];
    } catch {
      value = '[unreadable]';
    }
    // Counts such as `token: 12` are harmless: only what can carry text is redacted.
    const carriesText = typeof value === 'string' || (typeof value === 'object' && value !== null);
    copy[shown] = carriesText && isSecretName(key) ? REDACTED : copyValue(value, withStack, depth);
  }
  return copy;
}

function copyValue(value: unknown, withStack: boolean, depth: number): unknown {
  if (typeof value === 'string') return scrub(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value, withStack, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return scrub(value.href);
  if (ArrayBuffer.isView(value)) return `[binary, ${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[deeper]';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => copyValue(item, withStack, depth + 1));
  return copyObject(value, withStack, depth + 1);
}

/** An error as plain fields: type, message, code, causes; its stack only when asked for. */
export function describeError(error: Error, withStack = false, depth = 0): Record<string, unknown> {
  const described: Record<string, unknown> = {
    type: scrub(String(error.name), MAX_NAME),
    message: scrub(String(error.message)),
  };
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'string') described.code = scrub(code, MAX_NAME);
  if (typeof code === 'number') described.code = code;
  if (withStack && typeof error.stack === 'string') described.stack = scrub(error.stack);
  if (depth < MAX_DEPTH) {
    if (error.cause !== undefined) described.cause = copyValue(error.cause, withStack, depth + 1);
    if (error instanceof AggregateError) {
      described.errors = error.errors.slice(0, 4).map((one: unknown) => copyValue(one, withStack, depth + 1));
    }
  }
  return described;
}
