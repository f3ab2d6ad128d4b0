import type { Answer, RequestJson, WireAnswer } from './answer.ts';

/** `/api/chat`: NDJSON, streamed unless `stream` is false; the last line has `done: true` and the counts. */
export function ollamaChat(answer: Answer, request: RequestJson): WireAnswer {
  const created_at = new Date(answer.created * 1000).toISOString();
  const piece = (content: string) => ({ model: answer.model, created_at, message: { role: 'assistant', content } });
  const end = {
    done: true,
    done_reason: 'stop',
    total_duration: 1_000_000,
    prompt_eval_count: answer.usage.input,
    eval_count: answer.usage.output,
  };
  if (request.stream === false) return { kind: 'whole', body: { ...piece(answer.tokens.join('')), ...end } };
  const lines = [...answer.tokens.map((token) => ({ ...piece(token), done: false })), { ...piece(''), ...end }];
  const events = lines.map((line) => `${JSON.stringify(line)}\n`);
  return { kind: 'stream', contentType: 'application/x-ndjson', events };
}

/** `/api/generate`: the same with `response`; the last line has the whole context as numbers of tokens. */
export function ollamaGenerate(answer: Answer, request: RequestJson): WireAnswer {
  const created_at = new Date(answer.created * 1000).toISOString();
  const piece = (response: string) => ({ model: answer.model, created_at, response });
  const end = {
    done: true,
    done_reason: 'stop',
    context: [128006, 882, 128007, 271],
    total_duration: 1_000_000,
    prompt_eval_count: answer.usage.input,
    eval_count: answer.usage.output,
  };
  if (request.stream === false) return { kind: 'whole', body: { ...piece(answer.tokens.join('')), ...end } };
  const lines = [...answer.tokens.map((token) => ({ ...piece(token), done: false })), { ...piece(''), ...end }];
  return {
    kind: 'stream',
    contentType: 'application/x-ndjson',
    events: lines.map((line) => `${JSON.stringify(line)}\n`),
  };
}

/** The body of an error of Ollama. */
export function ollamaError(message: string): object {
  return { error: message };
}
