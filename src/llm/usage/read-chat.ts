/** OpenAI's chat, completions, embeddings and images, as OpenRouter, Mistral, Azure, vLLM and Ollama speak them too. */
import type { AnswerReader } from './answer-reader.ts';
import { usageBounds } from './bounds.ts';
import { errorOf, inBandError } from './in-band-error.ts';
import { says, stringBytes } from './look.ts';
import { takeOpenaiUsage } from './openai-usage.ts';
import type { Findings } from './report.ts';
import { type JsonObject, objects } from './values.ts';

/** Members in which output comes. OpenRouter repeats its reasoning: of several the first that has any counts. */
const outputs = ['"content"', '"reasoning_content"', '"reasoning"', '"text"', '"arguments"', '"refusal"'] as const;

/** See the module. */
export class ChatReader implements AnswerReader {
  #events = 0;
  /** Where the last output was: the next one is likely there. */
  #output: string = outputs[0];

  look(text: string, _name: string, found: Findings): boolean {
    if (text.startsWith('[DONE]')) {
      found.terminated = true;
      return false;
    }
    this.#count(text, found);
    const isHead =
      (found.responseId === undefined || found.responseModel === undefined) && this.#events++ < usageBounds.headEvents;
    return isHead || says(text, '"usage"') || says(text, '"finish_reason"') || text.includes('"error"');
  }

  take(value: JsonObject, found: Findings): void {
    // vLLM has sent `{"object":"error","message":…}`.
    found.failed(value.object === 'error' ? errorOf(value) : inBandError(value.error));
    found.named(value.id, value.model);
    for (const choice of objects(value.choices)) found.finished(choice.index, choice.finish_reason);
    const hasUsage = takeOpenaiUsage(value.usage, found);
    // Beside choices it may be the sum so far (vLLM).
    if (hasUsage && objects(value.choices).length === 0) found.usageIsFinal = true;
  }

  #count(text: string, found: Findings): void {
    let bytes = stringBytes(text, this.#output);
    for (const output of outputs) {
      if (bytes > 0) break;
      if (output === this.#output) continue;
      bytes = stringBytes(text, output);
      if (bytes > 0) this.#output = output;
    }
    // The name of a function comes before its arguments.
    if (bytes > 0 || says(text, '"tool_calls"')) found.outputEvent(bytes);
  }
}
