/** What an endpoint of a provider does and in which form it answers, told by the end of its path. */
import type { Dialect } from '../policy.ts';

/** `gen_ai.operation.name` of the OpenTelemetry conventions, as far as Sluice knows the operation. */
export type Operation = 'chat' | 'text_completion' | 'embeddings' | 'generate_content';

/**
 * The form of an answer: OpenAI's chat (completions, embeddings and images have its members), OpenAI's responses,
 * Anthropic's messages, Gemini's candidates, Ollama's own lines.
 */
export type AnswerForm = 'chat' | 'responses' | 'messages' | 'gemini' | 'ollama';

/** A known endpoint. */
export interface Endpoint {
  readonly form: AnswerForm;
  /** Undefined for images and audio: the conventions have no name for them. */
  readonly operation: Operation | undefined;
}

// Providers answer in each other's forms on each other's paths (Ollama, vLLM, OpenRouter, Gemini's `/openai/`): the path
// decides, not the dialect. Only creating paths are listed: reading a stored response again would count it twice.
const endpoints = (
  [
    [/\/(?:chat|agents)\/completions$/, 'chat', 'chat'],
    [/\/completions$/, 'chat', 'text_completion'],
    [/\/responses$/, 'responses', 'chat'],
    [/(?:^|\/v\d+)\/messages$/, 'messages', 'chat'],
    [/:(?:streamGenerateContent|generateContent)$/, 'gemini', 'generate_content'],
    [/:(?:embedContent|batchEmbedContents)$/, 'gemini', 'embeddings'],
    [/\/api\/chat$/, 'ollama', 'chat'],
    [/\/api\/generate$/, 'ollama', 'text_completion'],
    [/\/api\/embed(?:dings)?$/, 'ollama', 'embeddings'],
    [/\/embeddings$/, 'chat', 'embeddings'],
    [/\/(?:images\/(?:generations|edits)|audio\/(?:transcriptions|translations))$/, 'chat', undefined],
  ] as const
).map(([pattern, form, operation]): readonly [RegExp, Endpoint] => [pattern, { form, operation }]);

/** Most requests have the path of the one before, and each is asked about twice. */
let lastPath = '';
let lastEndpoint: Endpoint | undefined;

/**
 * The endpoint that a path names; undefined when it is none that generates.
 * @param path with or without its query
 */
export function endpointOf(dialect: Dialect, path: string): Endpoint | undefined {
  if (dialect === 'none') return undefined;
  if (path === lastPath) return lastEndpoint;
  const query = path.indexOf('?');
  const bare = query === -1 ? path : path.slice(0, query);
  lastEndpoint = endpoints.find(([pattern]) => pattern.test(bare))?.[1];
  lastPath = path;
  return lastEndpoint;
}

/** The form in which a dialect streams on a path that is not known. */
export function usualForm(dialect: Dialect): AnswerForm | undefined {
  switch (dialect) {
    case 'none':
      return undefined;
    case 'anthropic':
      return 'messages';
    case 'gemini':
    case 'ollama':
      return dialect;
    default:
      return 'chat';
  }
}
