import { type Answer, type RequestJson, sse, type WireAnswer } from './answer.ts';

/** `/v1/messages`: one message, or `message_start` … `message_stop` with a `ping` in between. */
export function anthropicMessages(answer: Answer, request: RequestJson): WireAnswer {
  // Anthropic counts cached tokens apart from the input; the sum of all is the input.
  const input = {
    input_tokens: answer.usage.input - answer.usage.cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: answer.usage.cached,
  };
  const message = (content: object[], stop_reason: string | null, output_tokens: number) => ({
    id: `msg_${answer.id}`,
    type: 'message',
    role: 'assistant',
    model: answer.model,
    content,
    stop_reason,
    stop_sequence: null,
    usage: { ...input, output_tokens, service_tier: 'standard' },
  });
  if (request.stream !== true) {
    const content = [{ type: 'text', text: answer.tokens.join(''), citations: null }];
    return { kind: 'whole', body: message(content, 'end_turn', answer.usage.output) };
  }
  const steps: { type: string; [field: string]: unknown }[] = [
    { type: 'message_start', message: message([], null, 1) },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    ...answer.tokens.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { ...input, output_tokens: answer.usage.output },
    },
    { type: 'message_stop' },
  ];
  return {
    kind: 'stream',
    contentType: 'text/event-stream; charset=utf-8',
    events: steps.map((step) => sse(step, step.type)),
  };
}

const errorTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

/** The body of an error of Anthropic. */
export function anthropicError(status: number, message: string): object {
  return { type: 'error', error: { type: errorTypes[status] ?? 'api_error', message }, request_id: 'req_fake' };
}
