import { type Answer, type RequestJson, sse, type WireAnswer } from './answer.ts';

/** `/v1/chat/completions`, streamed when the request says so; also how OpenRouter, Mistral, Azure and vLLM speak. */
export function openaiChat(answer: Answer, request: RequestJson): WireAnswer {
  const common = { id: `chatcmpl-${answer.id}`, created: answer.created, model: answer.model, service_tier: 'default' };
  if (request.stream !== true) {
    const message = { role: 'assistant', content: answer.tokens.join(''), refusal: null, annotations: [] };
    const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }];
    return { kind: 'whole', body: { ...common, object: 'chat.completion', choices, usage: usageOf(answer) } };
  }
  const withUsage = includesUsage(request);
  const chunk = (delta: object, finish_reason: string | null) =>
    sse({
      ...common,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      ...(withUsage ? { usage: null } : {}),
    });
  const events = [
    chunk({ role: 'assistant', content: '', refusal: null }, null),
    ...answer.tokens.map((token) => chunk({ content: token }, null)),
    chunk({}, 'stop'),
  ];
  if (withUsage) events.push(sse({ ...common, object: 'chat.completion.chunk', choices: [], usage: usageOf(answer) }));
  events.push('data: [DONE]\n\n');
  return { kind: 'stream', contentType: 'text/event-stream; charset=utf-8', events };
}

/** `/v1/completions`, the older API: `text` instead of messages. */
export function openaiCompletions(answer: Answer, request: RequestJson): WireAnswer {
  const common = { id: `cmpl-${answer.id}`, object: 'text_completion', created: answer.created, model: answer.model };
  const choice = (text: string, finish_reason: string | null) => [{ text, index: 0, logprobs: null, finish_reason }];
  if (request.stream !== true) {
    return {
      kind: 'whole',
      body: { ...common, choices: choice(answer.tokens.join(''), 'stop'), usage: usageOf(answer) },
    };
  }
  const events = answer.tokens.map((token) => sse({ ...common, choices: choice(token, null) }));
  events.push(sse({ ...common, choices: choice('', 'stop') }));
  if (includesUsage(request)) events.push(sse({ ...common, choices: [], usage: usageOf(answer) }));
  events.push('data: [DONE]\n\n');
  return { kind: 'stream', contentType: 'text/event-stream', events };
}

/** `/v1/embeddings`: floats, or base64 of little-endian float32 as the official client asks for. */
export function openaiEmbeddings(answer: Answer, request: RequestJson): WireAnswer {
  const inputs = Array.isArray(request.input) ? request.input : [request.input];
  const vector = new Float32Array([0.5, -0.25, 0.125, 1]);
  const embedding =
    request.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector);
  const data = inputs.map((_, index) => ({ object: 'embedding', index, embedding }));
  const usage = { prompt_tokens: answer.usage.input, total_tokens: answer.usage.input };
  return { kind: 'whole', body: { object: 'list', data, model: answer.model, usage } };
}

/** `/v1/models`. */
export function openaiModels(answer: Answer): WireAnswer {
  const data = [{ id: answer.model, object: 'model', created: answer.created, owned_by: 'fake' }];
  return { kind: 'whole', body: { object: 'list', data } };
}

/** The body of an error of OpenAI. */
export function openaiError(status: number, message: string): object {
  const type =
    status === 429 ? 'requests' : status === 401 || status === 404 ? 'invalid_request_error' : errorKind(status);
  const code = status === 429 ? 'rate_limit_exceeded' : status === 401 ? 'invalid_api_key' : null;
  return { error: { message, type, param: null, code } };
}

function errorKind(status: number): string {
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

function includesUsage(request: RequestJson): boolean {
  return (request.stream_options as { include_usage?: unknown } | undefined)?.include_usage === true;
}

/** The `usage` member as OpenAI and those who copy it have it. */
export function usageOf({ usage }: Pick<Answer, 'usage'>): object {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoning, audio_tokens: 0 },
  };
}
