/** Ollama's own API: a line of JSON an event; the last one has `done: true` and the counts. */
import type { AnswerReader } from './answer-reader.ts';
import { inBandError } from './in-band-error.ts';
import { says, stringBytes } from './look.ts';
import type { Findings } from './report.ts';
import type { JsonObject } from './values.ts';

const done = /"done"\s*:\s*true/;
const outputs = ['"content"', '"response"', '"thinking"'] as const;

/** See the module. */
export class OllamaReader implements AnswerReader {
  look(text: string, _name: string, found: Findings): boolean {
    let bytes = 0;
    for (let i = 0; i < outputs.length && bytes === 0; i++) bytes = stringBytes(text, outputs[i] as string);
    if (bytes > 0 || says(text, '"tool_calls"')) found.outputEvent(bytes);
    return found.responseModel === undefined || done.test(text) || says(text, '"error"');
  }

  take(value: JsonObject, found: Findings): void {
    found.named(undefined, value.model);
    found.failed(inBandError(value.error));
    found.input = value.prompt_eval_count;
    found.output = value.eval_count;
    if (value.done !== true) return;
    found.finished(0, value.done_reason);
    found.terminated = true;
  }
}
