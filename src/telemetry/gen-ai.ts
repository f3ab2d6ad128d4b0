/** What a call to a model says of itself in its span: the GenAI conventions. Never a prompt, never an answer. */
import type { Attributes } from '@opentelemetry/api';
import type { RequestFacts } from '../llm/request-facts.ts';
import type { UsageReport } from '../llm/usage.ts';
import { scrub } from './redact.ts';
import * as semconv from './semconv.ts';

/** A client chooses the model's name, and it becomes part of a span's: so many characters at most. */
const maxModel = 128;

/** `chat gpt-4o`; undefined where the request is no known operation, and the span is one of HTTP only. */
export function callName(facts: RequestFacts | undefined): string | undefined {
  if (facts?.operation === undefined) return undefined;
  return facts.model === undefined ? facts.operation : `${facts.operation} ${modelName(facts.model)}`;
}

/** Adds what the request asked for. */
export function addRequest(attributes: Attributes, facts: RequestFacts): void {
  const { operation, model, maxTokens, stream } = facts;
  if (operation !== undefined) attributes[semconv.GEN_AI_OPERATION] = operation;
  if (model !== undefined) attributes[semconv.GEN_AI_REQUEST_MODEL] = modelName(model);
  if (maxTokens !== undefined) attributes[semconv.GEN_AI_REQUEST_MAX_TOKENS] = maxTokens;
  if (operation !== undefined || stream) attributes[semconv.GEN_AI_REQUEST_STREAM] = stream;
}

/**
 * Adds what the answer told.
 * @param startedAt of the attempt, by `performance.now()`
 */
export function addAnswer(attributes: Attributes, usage: UsageReport, startedAt: number): void {
  const { input, output, cachedInput, cacheCreationInput, reasoning, finishReasons, error } = usage;
  set(attributes, semconv.GEN_AI_RESPONSE_ID, usage.responseId);
  set(attributes, semconv.GEN_AI_RESPONSE_MODEL, usage.responseModel);
  if (finishReasons.length > 0)
    attributes[semconv.GEN_AI_FINISH_REASONS] = finishReasons.map((reason) => scrub(reason));
  set(attributes, semconv.GEN_AI_INPUT_TOKENS, input);
  set(attributes, semconv.GEN_AI_OUTPUT_TOKENS, output);
  set(attributes, semconv.GEN_AI_CACHE_READ_TOKENS, cachedInput);
  set(attributes, semconv.GEN_AI_CACHE_CREATION_TOKENS, cacheCreationInput);
  set(attributes, semconv.GEN_AI_REASONING_TOKENS, reasoning);
  if (usage.estimated) attributes[semconv.SLUICE_USAGE_ESTIMATED] = true;
  if (usage.firstTokenAt !== undefined) {
    attributes[semconv.GEN_AI_TIME_TO_FIRST_CHUNK] = (usage.firstTokenAt - startedAt) / 1000;
  }
  const word = error?.code ?? error?.type;
  // A word, no sentence: that could quote the prompt.
  if (word !== undefined && /^[\w.:-]+$/.test(word)) attributes[semconv.SLUICE_ERROR_CODE] = scrub(word);
}

/** Texts of a provider are cut where they are read; here they only lose what looks like a secret. */
function set(attributes: Attributes, name: string, value: string | number | undefined): void {
  if (value !== undefined) attributes[name] = typeof value === 'string' ? scrub(value) : value;
}

function modelName(model: string): string {
  return scrub(model, maxModel);
}
