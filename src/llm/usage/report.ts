/** What an answer told about itself, collected while it passes. */
import { usageBounds } from './bounds.ts';
import type { InBandError } from './in-band-error.ts';
import { count, shortened } from './values.ts';

/** Tokens as the provider told them, undefined where it did not. */
export interface TokenCounts {
  /** Everything that went in, cached or not. */
  readonly input: number | undefined;
  /** Everything that came out, reasoning included. */
  readonly output: number | undefined;
  /** As told, else the sum of input and output. */
  readonly total: number | undefined;
  /** The part of the input that was read from a cache, and the part that was written to one. */
  readonly cachedInput: number | undefined;
  readonly cacheCreationInput: number | undefined;
  /** The part of the output that was reasoning. */
  readonly reasoning: number | undefined;
}

/** The result of reading one answer. */
export interface UsageReport extends TokenCounts {
  /** What the provider charged, in its own unit (OpenRouter: credits, that is US dollars). */
  readonly cost: number | undefined;
  /** `output` is an estimate, see `estimateTokens`: the stream did not finish, or it told no usage. */
  readonly estimated: boolean;
  readonly responseId: string | undefined;
  readonly responseModel: string | undefined;
  /** One a choice, in the provider's words. */
  readonly finishReasons: readonly string[];
  /** An error inside a stream, or in a body whose status was a success. Never its text. */
  readonly error: InBandError | undefined;
  /** The dialect's own ending was seen (`[DONE]`, `message_stop`, …), or an error in its place, or a whole JSON body. */
  readonly terminated: boolean;
  /** When the first event with output came, in milliseconds of `performance.now()`; undefined where nothing streamed. */
  readonly firstTokenAt: number | undefined;
  /** Events that carried output. */
  readonly outputEvents: number;
  /** Why reading stopped early: too large or too fast, an encoding that is none, or a fault of our own. */
  readonly stopped: 'size' | 'encoding' | 'fault' | undefined;
}

/**
 * Tokens of so much output, where nobody told them: a token for each four bytes of UTF-8, at least one for each event
 * that carried any (providers send no event with less than a token).
 */
export function estimateTokens(bytes: number, events = 0): number {
  return Math.max(events, Math.ceil(bytes / 4));
}

/** The output, unless it is an estimate of which nothing was seen: that would be counted as an answer of no token. */
export function knownOutput({ estimated, output }: UsageReport): number | undefined {
  return estimated && output === 0 ? undefined : output;
}

/** A provider's word as it is; whatever else stands there (a sentence, a prompt) is `other`. */
function word(text: string | undefined): string | undefined {
  return text === undefined || /^[\w.:-]+$/.test(text) ? text : 'other';
}

/** A name of something; what is none (a sentence) is left out. */
function plainName(text: string | undefined): string | undefined {
  return text !== undefined && /^\S+$/.test(text) ? text : undefined;
}

/** Collects findings; the last one of a kind counts. */
export class Findings {
  #input: number | undefined;
  #output: number | undefined;
  #total: number | undefined;
  #cachedInput: number | undefined;
  #cacheCreationInput: number | undefined;
  #reasoning: number | undefined;
  #cost: number | undefined;
  readonly #reasons: string[] = [];
  #textBytes = 0;
  #outputEvents = 0;
  #firstTokenAt: number | undefined;
  responseId: string | undefined;
  responseModel: string | undefined;
  error: InBandError | undefined;
  terminated = false;
  /** The usage told so far is that of the whole answer. */
  usageIsFinal = false;
  /** The answer comes in pieces. */
  streamed = false;
  stopped: UsageReport['stopped'];

  set input(value: unknown) {
    this.#input = count(value) ?? this.#input;
  }

  set output(value: unknown) {
    this.#output = count(value) ?? this.#output;
  }

  set total(value: unknown) {
    this.#total = count(value) ?? this.#total;
  }

  set cachedInput(value: unknown) {
    this.#cachedInput = count(value) ?? this.#cachedInput;
  }

  set cacheCreationInput(value: unknown) {
    this.#cacheCreationInput = count(value) ?? this.#cacheCreationInput;
  }

  set reasoning(value: unknown) {
    this.#reasoning = count(value) ?? this.#reasoning;
  }

  set cost(value: unknown) {
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) this.#cost = value;
  }

  /** Takes an id and a model where there are any. */
  named(id: unknown, model: unknown): void {
    this.responseId = plainName(shortened(id, usageBounds.nameLength)) ?? this.responseId;
    this.responseModel = plainName(shortened(model, usageBounds.nameLength)) ?? this.responseModel;
  }

  /** Takes the reason why a choice ended; the last one counts (older Gemini models repeat it in each event). */
  finished(choice: unknown, reason: unknown): void {
    const text = word(shortened(reason, usageBounds.wordLength));
    const index = count(choice) ?? 0;
    if (text !== undefined && index < usageBounds.choices) this.#reasons[index] = text;
  }

  /** Takes an error, which is an ending. */
  failed(error: InBandError | undefined): void {
    if (error === undefined) return;
    this.error = error;
    this.terminated = true;
  }

  /** An event carried so many bytes of output. */
  outputEvent(bytes: number): void {
    this.#firstTokenAt ??= performance.now();
    this.#textBytes += bytes;
    this.#outputEvents += 1;
  }

  /** @param whole the upstream finished its response */
  report(whole: boolean): UsageReport {
    const finishReasons = this.#reasons.filter((reason) => reason !== undefined);
    const finished = this.error === undefined && (this.terminated || (whole && finishReasons.length > 0));
    const exact = this.#output !== undefined && (finished || this.usageIsFinal);
    const readable = this.stopped !== 'encoding';
    const estimated = this.streamed && readable && !exact && (!finished || this.#outputEvents > 0);
    const output = estimated
      ? Math.max(this.#output ?? 0, estimateTokens(this.#textBytes, this.#outputEvents))
      : this.#output;
    const sum = this.#input === undefined || output === undefined ? undefined : this.#input + output;
    return {
      input: this.#input,
      output,
      total: estimated ? sum : (this.#total ?? sum),
      cachedInput: this.#cachedInput,
      cacheCreationInput: this.#cacheCreationInput,
      reasoning: this.#reasoning,
      cost: this.#cost,
      estimated,
      responseId: this.responseId,
      responseModel: this.responseModel,
      finishReasons,
      error: this.error,
      terminated: this.terminated,
      firstTokenAt: this.#firstTokenAt,
      outputEvents: this.#outputEvents,
      stopped: this.stopped,
    };
  }
}
