/** What the provider of the bench answers, made once for each size: OpenAI's chat completions. */

const answers = new Map<number, Buffer>();
const streams = new Map<string, readonly Buffer[]>();

/** A chat completion of about so many bytes. */
export function answerOf(size: number): Buffer {
  return remembered(answers, size, () => {
    const answer = (content: string) => ({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      model: 'gpt-4o',
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 300, completion_tokens: 100, total_tokens: 400 },
    });
    const frame = JSON.stringify(answer('')).length;
    return Buffer.from(JSON.stringify(answer('x'.repeat(Math.max(0, size - frame)))));
  });
}

/** So many events of about so many bytes: deltas, one with the usage, and the terminator. */
export function eventsOf(count: number, size: number): readonly Buffer[] {
  return remembered(streams, `${count} ${size}`, () => {
    const chunk = (choices: object[], more: object = {}) => ({
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1_790_000_000,
      model: 'gpt-4o',
      choices,
      ...more,
    });
    const delta = (content: string) => chunk([{ index: 0, delta: { content }, finish_reason: null }]);
    const frame = JSON.stringify(delta('')).length + 'data: \n\n'.length;
    const usage = { prompt_tokens: 300, completion_tokens: count, total_tokens: 300 + count };
    const event = (json: object) => Buffer.from(`data: ${JSON.stringify(json)}\n\n`);
    // An event that is smaller than that frame is no JSON.
    const content =
      size > frame
        ? event(delta('x'.repeat(size - frame)))
        : Buffer.from(`data: ${'x'.repeat(Math.max(1, size - 'data: \n\n'.length))}\n\n`);
    const deltas = Array.from({ length: Math.max(0, count - 2) }, () => content);
    return [...deltas, event(chunk([], { usage })), Buffer.from('data: [DONE]\n\n')];
  });
}

function remembered<Key, Made>(made: Map<Key, Made>, key: Key, make: () => Made): Made {
  let found = made.get(key);
  if (found === undefined) {
    found = make();
    made.set(key, found);
  }
  return found;
}
