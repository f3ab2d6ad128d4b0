/** Errors inside an answer that began as a success. */
import { usageBounds } from './bounds.ts';
import { type JsonObject, object, shortened } from './values.ts';

/** Of what kind an error is: a closed list, fit for a label. */
export type ErrorClass =
  | 'rate_limit'
  | 'overloaded'
  | 'context_length'
  | 'content_filter'
  | 'authentication'
  | 'not_found'
  | 'invalid_request'
  | 'timeout'
  | 'server_error'
  | 'other';

/** An error without its text, which may quote the prompt. */
export interface InBandError {
  readonly class: ErrorClass;
  /** The provider's own words, cut to 64 characters; numbers as text. */
  readonly code: string | undefined;
  readonly type: string | undefined;
}

const byStatus: ReadonlyMap<string, ErrorClass> = new Map([
  ['400', 'invalid_request'],
  ['401', 'authentication'],
  ['403', 'authentication'],
  ['404', 'not_found'],
  ['408', 'timeout'],
  ['422', 'invalid_request'],
  ['429', 'rate_limit'],
  ['500', 'server_error'],
  ['502', 'server_error'],
  ['503', 'overloaded'],
  ['504', 'timeout'],
  ['529', 'overloaded'],
]);

// The first that matches counts: "rate limit of requests" is no invalid request.
const byWords: readonly (readonly [RegExp, ErrorClass])[] = [
  [/rate.?limit|quota|too.many.requests|resource_exhausted/i, 'rate_limit'],
  [/overloaded|unavailable|capacity/i, 'overloaded'],
  [/context.?(?:length|window)|too.long|max(?:imum)?.?tokens/i, 'context_length'],
  [/content.?(?:filter|policy)|safety|moderation/i, 'content_filter'],
  [/auth|permission|api.?key|unauthori[sz]ed|forbidden/i, 'authentication'],
  [/not.?found/i, 'not_found'],
  [/time.?d?.?out|deadline/i, 'timeout'],
  [/invalid|bad.?request/i, 'invalid_request'],
  [/server|internal|api_error/i, 'server_error'],
];

/**
 * The error that a member says: an object, an array of such, or a text; undefined when there is none (null is none).
 * The text is looked at for its class only.
 */
export function inBandError(member: unknown): InBandError | undefined {
  const value: unknown = Array.isArray(member) ? member[0] : member;
  if (value === undefined || value === null || value === false || value === '') return undefined;
  if (typeof value === 'string')
    return { class: classOf(undefined, undefined, value), code: undefined, type: undefined };
  return errorOf(object(value) ?? {});
}

/** The error that these members describe: OpenAI's `code` and `type`, Gemini's `code` and `status`. */
export function errorOf(members: JsonObject): InBandError {
  const inner = object(members.error);
  if (inner !== undefined) return errorOf({ ...inner, error: undefined });
  const { code: given, message } = members;
  const code = typeof given === 'number' ? String(given) : shortened(given, usageBounds.wordLength);
  const type = shortened(members.type, usageBounds.wordLength) ?? shortened(members.status, usageBounds.wordLength);
  return { class: classOf(code, type, typeof message === 'string' ? message.slice(0, 1024) : ''), code, type };
}

function classOf(code: string | undefined, type: string | undefined, message: string): ErrorClass {
  for (const text of [code, type]) {
    if (text === undefined) continue;
    const found = byStatus.get(text) ?? classOfWords(text);
    if (found !== undefined) return found;
  }
  return classOfWords(message.slice(0, 1024)) ?? 'other';
}

function classOfWords(text: string): ErrorClass | undefined {
  return byWords.find(([pattern]) => pattern.test(text))?.[1];
}
