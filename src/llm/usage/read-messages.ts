/** Anthropic's messages API. */
import type { AnswerReader } from './answer-reader.ts';
import { inBandError } from './in-band-error.ts';
import { stringBytes } from './look.ts';
import type { Findings } from './report.ts';
import { count, type JsonObject, object, sum } from './values.ts';

const typeFirst = /^\{\s*"type"\s*:\s*"(\w+)"/;
/** Events that say nothing of usage. */
const quiet: ReadonlySet<string> = new Set(['content_block_start', 'content_block_stop', 'ping']);
const outputs = ['"text"', '"thinking"', '"partial_json"'] as const;

/** See the module. */
export class MessagesReader implements AnswerReader {
  #input: number | undefined;
  #written: number | undefined;
  #read: number | undefined;

  look(text: string, name: string, found: Findings): boolean {
    const type = name === '' ? typeFirst.exec(text)?.[1] : name;
    if (type === 'content_block_delta') {
      for (const output of outputs) {
        const bytes = stringBytes(text, output);
        if (bytes === 0) continue;
        found.outputEvent(bytes);
        break;
      }
      return false;
    }
    return type === undefined || !quiet.has(type);
  }

  take(value: JsonObject, found: Findings): void {
    switch (value.type) {
      case 'message_start':
        this.#message(object(value.message) ?? {}, found);
        break;
      case 'message':
        this.#message(value, found);
        break;
      case 'message_delta': {
        this.#usage(object(value.usage), found);
        const reason = object(value.delta)?.stop_reason;
        if (typeof reason !== 'string') break;
        found.finished(0, reason);
        if (object(value.usage) !== undefined) found.usageIsFinal = true;
        break;
      }
      case 'message_stop':
        found.terminated = true;
        break;
      default:
        found.failed(inBandError(value.error));
    }
  }

  #message(message: JsonObject, found: Findings): void {
    found.named(message.id, message.model);
    found.finished(0, message.stop_reason);
    this.#usage(object(message.usage), found);
  }

  /** Counts are cumulative, and the three parts of the input come apart. */
  #usage(usage: JsonObject | undefined, found: Findings): void {
    if (usage === undefined) return;
    this.#input = count(usage.input_tokens) ?? this.#input;
    this.#written = count(usage.cache_creation_input_tokens) ?? this.#written;
    this.#read = count(usage.cache_read_input_tokens) ?? this.#read;
    found.input = sum(this.#input, this.#written, this.#read);
    found.cacheCreationInput = this.#written;
    found.cachedInput = this.#read;
    found.output = usage.output_tokens;
  }
}
