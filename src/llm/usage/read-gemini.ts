/** Gemini's generateContent, streamed or not: each event is a response of its own with the usage so far. */
import type { AnswerReader } from './answer-reader.ts';
import { inBandError } from './in-band-error.ts';
import { says, stringBytes } from './look.ts';
import type { Findings } from './report.ts';
import { count, type JsonObject, object, objects, sum } from './values.ts';

/** See the module. */
export class GeminiReader implements AnswerReader {
  #prompt: number | undefined;
  #tools: number | undefined;
  #candidates: number | undefined;
  #thoughts: number | undefined;

  look(text: string, _name: string, found: Findings): boolean {
    const bytes = stringBytes(text, '"text"');
    if (bytes > 0 || says(text, '"functionCall"')) found.outputEvent(bytes);
    return true;
  }

  take(value: JsonObject, found: Findings): void {
    found.named(value.responseId, value.modelVersion);
    for (const candidate of objects(value.candidates)) {
      found.finished(candidate.index, candidate.finishReason);
      if (typeof candidate.finishReason === 'string') found.terminated = true;
    }
    // A prompt that is refused has no candidates.
    const refused = object(value.promptFeedback)?.blockReason;
    if (typeof refused === 'string') {
      found.finished(0, refused);
      found.terminated = true;
    }
    this.#usage(object(value.usageMetadata), found);
    found.failed(inBandError(value.error));
  }

  /** What tools put into the prompt is told apart; so are thoughts. */
  #usage(usage: JsonObject | undefined, found: Findings): void {
    if (usage === undefined) return;
    this.#prompt = count(usage.promptTokenCount) ?? this.#prompt;
    this.#tools = count(usage.toolUsePromptTokenCount) ?? this.#tools;
    this.#candidates = count(usage.candidatesTokenCount) ?? this.#candidates;
    this.#thoughts = count(usage.thoughtsTokenCount) ?? this.#thoughts;
    found.input = sum(this.#prompt, this.#tools);
    found.output = sum(this.#candidates, this.#thoughts);
    found.total = usage.totalTokenCount;
    found.cachedInput = usage.cachedContentTokenCount;
    found.reasoning = this.#thoughts;
  }
}
