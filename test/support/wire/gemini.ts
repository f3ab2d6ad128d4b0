import type { Answer, WireAnswer } from './answer.ts';

/** `:generateContent` and, as `stream`, `:streamGenerateContent?alt=sse`; Google ends its lines with CRLF. */
export function geminiContent(answer: Answer, stream: boolean): WireAnswer {
  const usageMetadata = {
    promptTokenCount: answer.usage.input,
    candidatesTokenCount: answer.usage.output - answer.usage.reasoning,
    thoughtsTokenCount: answer.usage.reasoning,
    cachedContentTokenCount: answer.usage.cached,
    totalTokenCount: answer.usage.input + answer.usage.output,
  };
  const piece = (text: string, finishReason: string | undefined) => ({
    candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0, finishReason }],
    usageMetadata: finishReason === undefined ? { ...usageMetadata, candidatesTokenCount: 1 } : usageMetadata,
    modelVersion: answer.model,
    responseId: `gemini-${answer.id}`,
  });
  if (!stream) return { kind: 'whole', body: piece(answer.tokens.join(''), 'STOP') };
  const last = answer.tokens.length - 1;
  const events = answer.tokens.map(
    (text, index) => `data: ${JSON.stringify(piece(text, index === last ? 'STOP' : undefined))}\r\n\r\n`,
  );
  return { kind: 'stream', contentType: 'text/event-stream', events };
}

/** `:streamGenerateContent` without `alt=sse`: one JSON array whose elements come one by one. */
export function geminiArray(answer: Answer): WireAnswer {
  const streamed = geminiContent(answer, true);
  if (streamed.kind === 'whole') return streamed;
  const pieces = streamed.events.map((event) => JSON.stringify(JSON.parse(event.slice('data: '.length)), null, 2));
  const events = pieces.map((piece, index) => `${index === 0 ? '[' : ',\n'}${piece}`);
  return { kind: 'stream', contentType: 'application/json; charset=UTF-8', events: [...events, ']\n'] };
}

const statuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
};

/** The body of an error of Gemini. */
export function geminiError(status: number, message: string): object {
  return { error: { code: status, message, status: statuses[status] ?? 'INTERNAL' } };
}
