/**
 * The one place where secrets are kept out of logs: fields whose name says that they hold one, and texts that look
 * like one. It is a second line of defence; the first is that secrets are never handed to the log.
 */

/** Stands where a secret was. */
export const REDACTED = '[redacted]';

const MAX_TEXT = 4096;
const MAX_KEYS = 64;
const MAX_ITEMS = 32;
const MAX_DEPTH = 4;

/**
 * Texts that look like a secret: what follows `Bearer` or `Basic`, keys of providers by their prefix, JWTs, user and
 * password of a URL, key-bearing query parameters and header lines. Each alternative scans at most once from each
 * start, so that a hostile text costs linear time.
 */
const SECRET_TEXT = new RegExp(
  [
    '\\b(?:bearer\\s+[\\w.~+/=-]{8,}|basic\\s+[\\w+/=]{16,})',
    '(?:\\b|(?<=%[0-9a-f]{2}))(?:sk-|sk%2d|gsk_|xai-|hf_|pplx-|r8_)[\\w-]{12,}',
    '(?<![\\w-])AIza[\\w-]{30,}',
    '(?<![\\w-])eyJ[\\w-]{8,}\\.[\\w-]{8,}\\.[\\w-]*',
    '(?<=://)[^\\s/?#"\'@]{1,512}@',
    '(?<=[?&](?:key|api[-_]?key|access_token|token|sig|signature)=)[^&\\s"\'#]+',
    '(?<=\\b(?:x-api-key|api-key|x-goog-api-key|authorization|cookie)["\']?[:=]\\s?["\']?)[^\\s"\',;]{8,}',
  ].join('|'),
  'gi',
);

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

/** The text without what looks like a key, a token or a password in it. Cut after 4,096 characters. */
export function scrub(text: string): string {
  const bounded = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return bounded.replace(SECRET_TEXT, replaceSecret);
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
    let value: unknown;
    try {
      value = (source as Record<string, unknown>)[key];
    } catch {
      value = '[unreadable]';
    }
    // Counts such as `token: 12` are harmless: only what can carry text is redacted.
    const carriesText = typeof value === 'string' || (typeof value === 'object' && value !== null);
    copy[key] = carriesText && isSecretName(key) ? REDACTED : copyValue(value, withStack, depth);
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
  const described: Record<string, unknown> = { type: error.name, message: scrub(String(error.message)) };
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' || typeof code === 'number') described.code = code;
  if (withStack && typeof error.stack === 'string') described.stack = scrub(error.stack);
  if (depth < MAX_DEPTH) {
    if (error.cause !== undefined) described.cause = copyValue(error.cause, withStack, depth + 1);
    if (error instanceof AggregateError) {
      described.errors = error.errors.slice(0, 4).map((one: unknown) => copyValue(one, withStack, depth + 1));
    }
  }
  return described;
}
