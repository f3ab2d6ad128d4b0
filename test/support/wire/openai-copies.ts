/** Who speaks OpenAI's chat API with an accent. */
import { type Answer, type RequestJson, sse, type WireAnswer } from './answer.ts';
import { openaiChat, usageOf } from './openai-chat.ts';

type Streamed = Extract<WireAnswer, { kind: 'stream' }>;

/** OpenRouter: comments while it waits, usage and cost always, in a last chunk that still has a choice. */
export function openrouterChat(answer: Answer, request: RequestJson, cost: number): WireAnswer {
  const usage = { ...usageOf(answer), cost, is_byok: false, cost_details: { upstream_inference_cost: null } };
  const id = `gen-${answer.id}`;
  if (request.stream !== true) {
    const whole = openaiChat(answer, request);
    return whole.kind === 'whole' ? { kind: 'whole', body: { provider: 'Fake', ...whole.body, id, usage } } : whole;
  }
  const common = {
    id,
    provider: 'Fake',
    model: answer.model,
    object: 'chat.completion.chunk',
    created: answer.created,
  };
  const chunk = (content: string, finish_reason: string | null, more: object = {}) =>
    sse({ ...common, choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason }], ...more });
  const waiting = ': OPENROUTER PROCESSING\n\n';
  const events = [waiting, waiting, ...answer.tokens.map((token) => chunk(token, null)), waiting];
  events.push(chunk('', 'stop'), chunk('', null, { usage }), 'data: [DONE]\n\n');
  return { kind: 'stream', contentType: 'text/event-stream', events };
}

/** vLLM with `continuous_usage_stats`: each chunk has the usage so far. */
export function vllmChat(answer: Answer): Streamed {
  const common = { id: `chatcmpl-${answer.id}`, object: 'chat.completion.chunk', created: answer.created };
  const { input, output } = answer.usage;
  const so = (completion_tokens: number) => ({
    prompt_tokens: input,
    total_tokens: input + completion_tokens,
    completion_tokens,
  });
  const chunk = (delta: object, finish_reason: string | null, used: number) =>
    sse({
      ...common,
      model: answer.model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason, token_ids: null }],
      usage: so(used),
    });
  const events = answer.tokens.map((content, index) => chunk({ content }, null, Math.min(index + 1, output)));
  events.push(chunk({ content: '' }, 'stop', output));
  events.push(sse({ ...common, model: answer.model, choices: [], usage: usageOf(answer) }), 'data: [DONE]\n\n');
  return { kind: 'stream', contentType: 'text/event-stream; charset=utf-8', events };
}

/** Mistral: usage in the chunk that has the finish reason. */
export function mistralChat(answer: Answer): Streamed {
  const common = { id: `cmpl-${answer.id}`, object: 'chat.completion.chunk', created: answer.created };
  const chunk = (content: string, finish_reason: string | null, more: object = {}) =>
    sse({ ...common, model: answer.model, choices: [{ index: 0, delta: { content }, finish_reason }], ...more });
  const events = answer.tokens.map((token) => chunk(token, null));
  events.push(chunk('', 'stop', { usage: usageOf(answer) }), 'data: [DONE]\n\n');
  return { kind: 'stream', contentType: 'text/event-stream; charset=utf-8', events };
}

/** Azure: the first chunk tells how the prompt was filtered and has neither id, model nor choices. */
export function azureChat(answer: Answer, request: RequestJson): WireAnswer {
  const usual = openaiChat(answer, request);
  if (usual.kind === 'whole') return usual;
  const filtered = {
    choices: [],
    created: 0,
    id: '',
    model: '',
    object: '',
    prompt_filter_results: [
      { prompt_index: 0, content_filter_results: { hate: { filtered: false, severity: 'safe' } } },
    ],
  };
  return { ...usual, events: [sse(filtered), ...usual.events] };
}
