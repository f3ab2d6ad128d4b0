/** How each provider speaks: where its key goes, how its errors look, and how an error inside a stream must look. */
import type { CatalogueEntry, ProblemCode } from '../errors.ts';
import type { Dialect } from '../policy.ts';

/** Where a provider takes its key. */
export interface KeyHeader {
  readonly name: string;
  readonly prefix: string;
}

/** A problem as a provider's error is made from it. */
export interface ErrorFacts {
  readonly code: ProblemCode;
  readonly entry: CatalogueEntry;
  readonly message: string;
  readonly requestId: string;
}

/** What Sluice knows of a dialect. */
export interface DialectInfo {
  readonly keyHeader: KeyHeader;
  /** The `error` member of a body, in the form in which the provider's SDK reads it. */
  errorMember(facts: ErrorFacts): unknown;
  /** Bytes that make the provider's SDK raise in mid-stream; undefined where no form is known (law 2 then cuts). */
  streamError?(facts: ErrorFacts, path: string): string;
  /** Matches the end of a stream (as latin1, its last 128 bytes) that has said itself that it is whole, where that is short. */
  readonly terminated?: RegExp;
}

const bearer: KeyHeader = { name: 'authorization', prefix: 'Bearer ' };

const openaiTypes: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
};

function errorType(status: number): string {
  return openaiTypes[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

const openaiError = (facts: ErrorFacts) => ({
  message: facts.message,
  type: errorType(facts.entry.status),
  param: null,
  code: facts.code,
});

/** The responses API has named events and another shape; the chat API raises on any event with an `error` member. */
function openaiStreamError(facts: ErrorFacts, path: string): string {
  if (/\/responses(?:\/|$)/.test(path)) {
    const event = { type: 'error', code: facts.code, message: facts.message, param: null, sequence_number: 0 };
    return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
  }
  return `data: ${JSON.stringify({ error: openaiError(facts) })}\n\n`;
}

const openai: DialectInfo = {
  keyHeader: bearer,
  errorMember: openaiError,
  streamError: openaiStreamError,
  terminated: /(?:^|[\r\n])data: ?\[DONE\][\r\n]+$/,
};

const anthropicError = (facts: ErrorFacts) => ({ type: errorType(facts.entry.status), message: facts.message });

const anthropic: DialectInfo = {
  keyHeader: { name: 'x-api-key', prefix: '' },
  errorMember: anthropicError,
  streamError(facts) {
    const event = { type: 'error', error: anthropicError(facts), request_id: facts.requestId };
    return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
  },
  terminated: /(?:^|[\r\n])event: ?message_stop[\r\n]+data:[^\r\n]*[\r\n]+$/,
};

/** google.rpc.Code names by HTTP status. */
const rpcStatus: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

const geminiError = (facts: ErrorFacts) => ({
  code: facts.entry.status,
  message: facts.message,
  status: rpcStatus[facts.entry.status] ?? (facts.entry.status < 500 ? 'FAILED_PRECONDITION' : 'UNAVAILABLE'),
});

const gemini: DialectInfo = {
  keyHeader: { name: 'x-goog-api-key', prefix: '' },
  errorMember: geminiError,
  streamError: (facts) => `data: ${JSON.stringify({ error: geminiError(facts) })}\n\n`,
};

/** Every dialect of the grammar. */
export const dialects: Readonly<Record<Dialect, DialectInfo>> = {
  openai,
  openrouter: openai,
  mistral: openai,
  'azure-openai': { ...openai, keyHeader: { name: 'api-key', prefix: '' } },
  anthropic,
  gemini,
  ollama: { keyHeader: bearer, errorMember: (facts) => facts.message },
  none: { keyHeader: bearer, errorMember: openaiError },
};
