/** The `usage` member of OpenAI's APIs and of all who copy them. */
import type { Findings } from './report.ts';
import { object } from './values.ts';

/**
 * Takes a `usage` member, in the names of the chat API or of the responses API; true when it is one. OpenRouter adds
 * `cost`, and what was written to a cache.
 */
export function takeOpenaiUsage(member: unknown, found: Findings): boolean {
  const usage = object(member);
  if (usage === undefined) return false;
  const input = object(usage.prompt_tokens_details) ?? object(usage.input_tokens_details);
  const output = object(usage.completion_tokens_details) ?? object(usage.output_tokens_details);
  found.input = usage.prompt_tokens ?? usage.input_tokens;
  found.output = usage.completion_tokens ?? usage.output_tokens;
  found.total = usage.total_tokens;
  found.cachedInput = input?.cached_tokens;
  found.cacheCreationInput = input?.cache_write_tokens;
  found.reasoning = output?.reasoning_tokens;
  found.cost = usage.cost;
  return true;
}
