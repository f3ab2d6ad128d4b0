/** What a request asks a model for, from its path and its body. */
import type { Dialect } from '../policy.ts';
import { type AnswerForm, endpointOf, type Operation } from './endpoint.ts';
import { jsonObject, modelInPath } from './model.ts';

/** See the module; undefined where the request does not say. */
export interface RequestFacts {
  readonly operation: Operation | undefined;
  readonly model: string | undefined;
  readonly stream: boolean;
  /** Most tokens of output that are wanted, for each choice. */
  readonly maxTokens: number | undefined;
}

/**
 * The facts of a request; never throws.
 * @param path as it goes upstream, with or without its query
 * @param body the whole body; undefined where it was not read: then only what the path says is known
 */
export function requestFacts(dialect: Dialect, path: string, body: Buffer | undefined): RequestFacts {
  const endpoint = endpointOf(dialect, path);
  const json = body === undefined ? undefined : membersOf(body);
  const model = modelInPath(dialect, path) ?? (typeof json?.model === 'string' ? json.model : undefined);
  return {
    operation: endpoint?.operation,
    model,
    stream: asksForStream(endpoint?.form, path, json),
    maxTokens: json === undefined ? undefined : maxTokensOf(json),
  };
}

/** Larger bodies are not parsed for telemetry: that would hold up the others. */
const parsedBytes = 64 * 1024;
/** Of them only the beginning and the end are looked at, where clients put what is short. */
const edgeBytes = 4 * 1024;

function membersOf(body: Buffer): Record<string, unknown> | undefined {
  if (body.length <= parsedBytes) return jsonObject(body);
  const edges = `${body.toString('utf8', 0, edgeBytes)}\n${body.toString('utf8', body.length - edgeBytes)}`;
  const found: Record<string, unknown> = {};
  for (const [, name = '', text, literal] of edges.matchAll(shortMembers)) {
    found[name] ??= text ?? (literal === 'true' ? true : literal === 'false' ? false : Number(literal));
  }
  return found;
}

/** A quote within a JSON string is escaped, so these are members, of whatever object. */
const shortMembers =
  /"(model|stream|max_tokens|max_completion_tokens|max_output_tokens)"\s*:\s*(?:"([^"\\]{1,256})"|(true|false|\d{1,12}))/g;

function asksForStream(form: AnswerForm | undefined, path: string, json: Record<string, unknown> | undefined): boolean {
  if (form === 'gemini') return path.includes(':streamGenerateContent');
  // Ollama streams unless it is told not to, where there is anything to stream.
  if (form === 'ollama') return json !== undefined && json.stream !== false && !/\/api\/embed/.test(path);
  return json?.stream === true;
}

/** OpenAI's newer name counts before its older one, which some servers still require beside it. */
function maxTokensOf(json: Record<string, unknown>): number | undefined {
  const gemini = member(json, 'generationConfig') ?? member(json, 'generation_config');
  const given: unknown[] = [
    json.max_completion_tokens,
    json.max_output_tokens,
    json.max_tokens,
    gemini?.maxOutputTokens,
    gemini?.max_output_tokens,
    member(json, 'options')?.num_predict,
  ];
  // Ollama's -1 is no limit.
  return given.find((value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);
}

function member(json: Record<string, unknown>, name: string): Record<string, unknown> | undefined {
  const value = json[name];
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
