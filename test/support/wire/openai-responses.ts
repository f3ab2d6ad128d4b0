import { type Answer, type RequestJson, sse, type WireAnswer } from './answer.ts';

/** `/v1/responses`: one object, or the named events from `response.created` to `response.completed`. */
export function openaiResponses(answer: Answer, request: RequestJson): WireAnswer {
  const text = answer.tokens.join('');
  const place = { item_id: `msg_${answer.id}`, output_index: 0, content_index: 0 };
  const item = (status: string, content: object[]) => ({
    id: place.item_id,
    type: 'message',
    status,
    role: 'assistant',
    content,
  });
  const part = (value: string) => ({ type: 'output_text', text: value, annotations: [], logprobs: [] });
  const done = responseOf(answer, 'completed', [item('completed', [part(text)])]);
  if (request.stream !== true) return { kind: 'whole', body: done };

  const running = responseOf(answer, 'in_progress', []);
  const steps: { type: string; [field: string]: unknown }[] = [
    { type: 'response.created', response: running },
    { type: 'response.in_progress', response: running },
    { type: 'response.output_item.added', output_index: 0, item: item('in_progress', []) },
    { type: 'response.content_part.added', ...place, part: part('') },
    ...answer.tokens.map((delta) => ({ type: 'response.output_text.delta', ...place, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...place, text, logprobs: [] },
    { type: 'response.content_part.done', ...place, part: part(text) },
    { type: 'response.output_item.done', output_index: 0, item: item('completed', [part(text)]) },
    { type: 'response.completed', response: done },
  ];
  const events = steps.map((step, sequence_number) => sse({ ...step, sequence_number }, step.type));
  return { kind: 'stream', contentType: 'text/event-stream; charset=utf-8', events };
}

function responseOf(answer: Answer, status: 'completed' | 'in_progress', output: object[]): object {
  const { usage } = answer;
  return {
    id: `resp_${answer.id}`,
    object: 'response',
    created_at: answer.created,
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model: answer.model,
    output,
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    usage:
      status === 'in_progress'
        ? null
        : {
            input_tokens: usage.input,
            input_tokens_details: { cached_tokens: usage.cached },
            output_tokens: usage.output,
            output_tokens_details: { reasoning_tokens: usage.reasoning },
            total_tokens: usage.input + usage.output,
          },
  };
}
