/** What a model answers, before a provider's wire format is put on it. */
export interface Answer {
  /** Unique per request, e.g. `1`; becomes part of the ids. */
  readonly id: string;
  readonly model: string;
  readonly tokens: readonly string[];
  readonly usage: AnswerUsage;
  /** Unix time in seconds. */
  readonly created: number;
}

/** Tokens used: `input` counts the cached ones, `output` the reasoning ones. */
export interface AnswerUsage {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly reasoning: number;
}

/** A request's JSON body, as far as a provider looks at it. */
export type RequestJson = Readonly<Record<string, unknown>>;

/** An answer on the wire. */
export type WireAnswer =
  | { readonly kind: 'whole'; readonly body: object }
  | { readonly kind: 'stream'; readonly contentType: string; readonly events: readonly string[] };

/** An SSE event with LF line ends: `data` alone, or with a name. */
export function sse(data: object | string, event?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`;
}
