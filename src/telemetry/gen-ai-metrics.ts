/**
 * What models were asked and what they used, under the names, units and buckets of OpenTelemetry's GenAI conventions
 * (in development).
 */
import type { Registry } from 'prom-client';
import type { Operation } from '../llm/endpoint.ts';
import type { TokenCounts } from '../llm/usage.ts';
import { ModelLabels } from './model-label.ts';
import { type Bind, type Distribution, histogram, type Labels } from './series.ts';

/** Seconds: 0.01, doubling to 81.92. */
const OPERATION_DURATIONS = Array.from({ length: 14 }, (_, i) => Math.round(2 ** i) / 100);
/** Seconds; those of the conventions end at 10, and models that think take longer. */
const FIRST_TOKENS = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 30, 60];
const PER_OUTPUT_TOKEN = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
/** Tokens: 1, 4, 16 … 67,108,864. */
const TOKENS = Array.from({ length: 14 }, (_, i) => 4 ** i);

/** One operation that was sent to a provider and has ended. Times in seconds, undefined where they are not known. */
export interface GenAiOperation {
  readonly provider: string;
  readonly operation: Operation;
  /** As the request names it. */
  readonly model: string | undefined;
  readonly duration: number;
  /** From the request's sending to the first event with output. */
  readonly firstToken: number | undefined;
  /** Of the tokens after the first, on average. */
  readonly perOutputToken: number | undefined;
  readonly tokens: Pick<TokenCounts, 'input' | 'output'> | undefined;
}

interface Bound {
  readonly duration: Distribution;
  /** Bound when first needed: answers that do not stream, and those without usage, have no such series. */
  firstToken?: Distribution;
  perOutputToken?: Distribution;
  input?: Distribution;
  output?: Distribution;
}

/** See the module. */
export class GenAiMetrics {
  readonly #duration: Bind<Distribution>;
  readonly #firstToken: Bind<Distribution>;
  readonly #perOutputToken: Bind<Distribution>;
  readonly #tokens: Bind<Distribution>;
  readonly #bound = new Map<string, Bound>();
  #labels = new ModelLabels([]);
  /** What the last operation was recorded with: most are like the one before. */
  #last:
    | (Pick<GenAiOperation, 'provider' | 'operation' | 'model'> & { readonly bound: Bound; readonly labels: Labels })
    | undefined;

  constructor(registry: Registry) {
    this.#duration = histogram(
      registry,
      'gen_ai_client_operation_duration_seconds',
      "From a request's headers to the end of its exchange, of operations that were sent to a provider.",
      OPERATION_DURATIONS,
    );
    this.#firstToken = histogram(
      registry,
      'gen_ai_server_time_to_first_token_seconds',
      'From the sending of a request to the first event with output, of streamed answers.',
      FIRST_TOKENS,
    );
    this.#perOutputToken = histogram(
      registry,
      'gen_ai_server_time_per_output_token_seconds',
      'Mean time of each output token after the first, of streamed answers that were whole.',
      PER_OUTPUT_TOKEN,
    );
    this.#tokens = histogram(
      registry,
      'gen_ai_client_token_usage',
      'Tokens used by an operation; estimated where a stream told no output tokens.',
      TOKENS,
    );
  }

  /** Takes `telemetry.metrics.models` of the running configuration. */
  nameModels(patterns: readonly string[]): void {
    this.#labels = new ModelLabels(patterns);
    this.#last = undefined;
  }

  record(one: GenAiOperation): void {
    const { bound, labels } = this.#bind(one);
    bound.duration.observe(one.duration);
    if (one.firstToken !== undefined) {
      bound.firstToken ??= this.#firstToken(labels);
      bound.firstToken.observe(one.firstToken);
    }
    if (one.perOutputToken !== undefined) {
      bound.perOutputToken ??= this.#perOutputToken(labels);
      bound.perOutputToken.observe(one.perOutputToken);
    }
    if (one.tokens?.input !== undefined) {
      bound.input ??= this.#tokens({ ...labels, gen_ai_token_type: 'input' });
      bound.input.observe(one.tokens.input);
    }
    if (one.tokens?.output !== undefined) {
      bound.output ??= this.#tokens({ ...labels, gen_ai_token_type: 'output' });
      bound.output.observe(one.tokens.output);
    }
  }

  #bind({ provider, operation, model }: GenAiOperation): { readonly bound: Bound; readonly labels: Labels } {
    const last = this.#last;
    if (last !== undefined && last.provider === provider && last.operation === operation && last.model === model)
      return last;
    const label = this.#labels.of(model);
    const labels = {
      gen_ai_provider_name: provider,
      gen_ai_operation_name: operation,
      gen_ai_request_model: label,
    };
    const key = `${provider} ${operation} ${label}`;
    let bound = this.#bound.get(key);
    if (bound === undefined) {
      bound = { duration: this.#duration(labels) };
      this.#bound.set(key, bound);
    }
    this.#last = { provider, operation, model, bound, labels };
    return this.#last;
  }
}
