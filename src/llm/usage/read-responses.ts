/** OpenAI's responses API. */
import type { AnswerReader } from './answer-reader.ts';
import { errorOf, inBandError } from './in-band-error.ts';
import { says, stringBytes } from './look.ts';
import { takeOpenaiUsage } from './openai-usage.ts';
import type { Findings } from './report.ts';
import { type JsonObject, object } from './values.ts';

const typeFirst = /^\{\s*"type"\s*:\s*"([\w.]+)"/;
const endings: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete', 'response.failed']);
/** Of a response in the background there is more to come. */
const running: ReadonlySet<unknown> = new Set(['queued', 'in_progress']);

/** See the module. */
export class ResponsesReader implements AnswerReader {
  look(text: string, name: string, found: Findings): boolean {
    const type = name === '' ? typeFirst.exec(text)?.[1] : name;
    if (type === undefined) return true;
    if (type.endsWith('.delta')) {
      // Sound comes as base64: its length says nothing of tokens.
      const bytes = stringBytes(text, '"delta"');
      if (bytes > 0) found.outputEvent(type === 'response.audio.delta' ? 0 : bytes);
      return false;
    }
    return endings.has(type) || type === 'response.created' || type === 'error' || says(text, '"usage"');
  }

  take(value: JsonObject, found: Findings): void {
    const { type } = value;
    if (type === 'error') {
      // Its own `type` says only that it is an error.
      found.failed(object(value.error) === undefined ? errorOf({ ...value, type: undefined }) : errorOf(value));
      return;
    }
    const response = object(value.response) ?? (value.object === 'response' || type === undefined ? value : undefined);
    if (response === undefined) return;
    found.named(response.id, response.model);
    const hasUsage = takeOpenaiUsage(response.usage, found);
    if (endings.has(type)) {
      found.terminated = true;
      if (hasUsage) found.usageIsFinal = true;
    }
    this.#ended(response, found);
  }

  /** There is no finish reason: the status is the nearest, and why it is incomplete is nearer. */
  #ended(response: JsonObject, found: Findings): void {
    if (running.has(response.status)) return;
    found.finished(0, object(response.incomplete_details)?.reason ?? response.status);
    found.failed(inBandError(response.error));
  }
}
