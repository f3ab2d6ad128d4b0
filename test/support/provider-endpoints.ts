import type { RecordedRequest } from './recorded-request.ts';
import type { Answer, AnswerUsage, WireAnswer } from './wire/answer.ts';
import { anthropicError, anthropicMessages } from './wire/anthropic.ts';
import { geminiContent, geminiError } from './wire/gemini.ts';
import { ollamaChat, ollamaError } from './wire/ollama.ts';
import { openaiChat, openaiEmbeddings, openaiError, openaiModels } from './wire/openai-chat.ts';
import { openaiResponses } from './wire/openai-responses.ts';

/** What the provider is to say. */
export interface ProviderAnswers {
  readonly id: string;
  readonly tokens: readonly string[];
  readonly usage: Partial<AnswerUsage>;
  readonly keys: readonly string[] | undefined;
}

/** A reply and the headers that go with it. */
export interface ProviderReply {
  readonly headers: Readonly<Record<string, string>>;
  readonly reply: WireAnswer | { readonly kind: 'plain'; readonly status: number; readonly body: object | Buffer };
}

type Family = 'openai' | 'anthropic' | 'gemini' | 'ollama';

/** What the provider that is asked by this path answers. */
export function responseTo(request: RecordedRequest, answers: ProviderAnswers): ProviderReply {
  const headers = headersOf(familyOf(request.url), answers.id);
  const path = pathOf(request.url);
  if (path.startsWith('/echo')) {
    const type = request.headers['content-type'] ?? 'application/octet-stream';
    return { headers: { 'content-type': type }, reply: { kind: 'plain', status: 200, body: request.body } };
  }
  const refused = refusal(request, answers.keys);
  const error = (status: number, message: string): ProviderReply => ({
    headers,
    reply: { kind: 'plain', status, body: errorOf(request, status, message) },
  });
  if (refused !== undefined) return error(...refused);
  const reply = wireAnswer(path, request, answers);
  return reply === undefined ? error(404, `Unknown request URL: ${request.method} ${path}`) : { headers, reply };
}

/** An error in the shape of the provider that is asked by this path. */
export function errorOf(request: RecordedRequest, status: number, message: string): object {
  switch (familyOf(request.url)) {
    case 'anthropic':
      return anthropicError(status, message);
    case 'gemini':
      return geminiError(status, message);
    case 'ollama':
      return ollamaError(message);
    case 'openai':
      return openaiError(status, message);
  }
}

function wireAnswer(path: string, request: RecordedRequest, answers: ProviderAnswers): WireAnswer | undefined {
  const json = request.json;
  const gemini = /\/models\/([^/:]+):(generateContent|streamGenerateContent)$/.exec(path);
  const output = answers.tokens.length;
  const answer: Answer = {
    id: answers.id,
    model: gemini?.[1] ?? (typeof json.model === 'string' ? json.model : 'gpt-fake'),
    tokens: answers.tokens,
    usage: { input: 11, output, cached: 0, reasoning: 0, ...answers.usage },
    created: 1_790_000_000,
  };
  if (gemini !== null) return geminiContent(answer, gemini[2] === 'streamGenerateContent');
  if (path.endsWith('/v1/messages')) return anthropicMessages(answer, json);
  if (path.endsWith('/chat/completions')) return openaiChat(answer, json);
  if (path.endsWith('/responses')) return openaiResponses(answer, json);
  if (path.endsWith('/embeddings')) return openaiEmbeddings(answer, json);
  if (path.endsWith('/models')) return openaiModels(answer);
  if (path.endsWith('/api/chat')) return ollamaChat(answer, json);
  return undefined;
}

function refusal(request: RecordedRequest, keys: readonly string[] | undefined): [number, string] | undefined {
  const accepted = (key: unknown) => keys === undefined || (typeof key === 'string' && keys.includes(key));
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  switch (familyOf(request.url)) {
    case 'anthropic': {
      // The documentation knows x-api-key only, but the official client 1.12 sends its key as a Bearer token.
      const key = request.headers['x-api-key'] ?? bearer;
      if (key === undefined) return [401, 'x-api-key header is required'];
      if (!accepted(key)) return [401, 'invalid x-api-key'];
      return request.headers['anthropic-version'] === undefined
        ? [400, 'anthropic-version: header is required']
        : undefined;
    }
    case 'gemini': {
      const query = new URLSearchParams(request.url.split('?')[1]).get('key');
      const key = request.headers['x-goog-api-key'] ?? query ?? undefined;
      if (key === undefined) return [403, "Method doesn't allow unregistered callers."];
      return accepted(key) ? undefined : [400, 'API key not valid. Please pass a valid API key.'];
    }
    case 'openai':
      return accepted(bearer ?? request.headers['api-key']) ? undefined : [401, 'Incorrect API key provided.'];
    case 'ollama':
      return undefined;
  }
}

function familyOf(url: string): Family {
  const path = pathOf(url);
  if (path.endsWith('/v1/messages')) return 'anthropic';
  if (/\/v1(beta|alpha)\//.test(path)) return 'gemini';
  return path.endsWith('/api/chat') ? 'ollama' : 'openai';
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

function headersOf(family: Family, id: string): Record<string, string> {
  if (family === 'openai') {
    return {
      'x-request-id': `req_${id}`,
      'openai-processing-ms': '7',
      'x-ratelimit-limit-requests': '5000',
      'x-ratelimit-remaining-requests': '4999',
      'x-ratelimit-reset-requests': '12ms',
    };
  }
  if (family === 'anthropic') {
    return {
      'request-id': `req_${id}`,
      'anthropic-ratelimit-requests-limit': '4000',
      'anthropic-ratelimit-requests-remaining': '3999',
      'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:00Z',
    };
  }
  return {};
}
