/** Answers of every dialect with what must be read in them. */

import type { AnswerHead, TokenCounts } from '../../src/llm/usage.ts';
import type { Dialect } from '../../src/policy.ts';
import type { Answer, WireAnswer } from '../support/wire/answer.ts';
import { anthropicMessages } from '../support/wire/anthropic.ts';
import { geminiArray, geminiContent } from '../support/wire/gemini.ts';
import { ollamaChat, ollamaGenerate } from '../support/wire/ollama.ts';
import { openaiChat, openaiCompletions, openaiEmbeddings } from '../support/wire/openai-chat.ts';
import { azureChat, mistralChat, openrouterChat, vllmChat } from '../support/wire/openai-copies.ts';
import { openaiResponses } from '../support/wire/openai-responses.ts';

/** One answer. */
export interface Case {
  readonly name: string;
  readonly dialect: Dialect;
  readonly head: AnswerHead;
  readonly streamed: boolean;
  /** As sent: one for each event, or the body. */
  readonly pieces: readonly string[];
  readonly bytes: Buffer;
  readonly expected: Expected;
}

/** What must be read. */
export interface Expected extends TokenCounts {
  readonly cost: number | undefined;
  readonly estimated: boolean;
  readonly responseId: string | undefined;
  readonly responseModel: string | undefined;
  readonly finishReasons: readonly string[];
  readonly error: undefined;
  readonly terminated: boolean;
  readonly outputEvents: number;
  readonly stopped: undefined;
}

/** Texts that have what a careless reader takes for something else; characters of one to four bytes. */
const tokens: readonly string[] = [
  'Hi',
  ' "usage": {"prompt_tokens": 999}',
  '\n\ndata: [DONE]\n\n',
  ' Grüße',
  ' 世界 👋',
  '\\"finish_reason\\": "length", \\',
  ' "done":true }]',
];

/** The answer that all of them give. */
const usual: Answer = {
  id: '7',
  model: 'modèle-世',
  tokens,
  usage: { input: 31, output: 23, cached: 12, reasoning: 5 },
  created: 1_790_000_000,
};
const { model } = usual;
const streaming = { stream: true, stream_options: { include_usage: true } };
const whole = { stream: false };

const counts = { input: 31, output: 23, total: 54, cachedInput: 12, cacheCreationInput: undefined, reasoning: 5 };

const openai = {
  ...counts,
  cost: undefined,
  estimated: false,
  responseId: 'chatcmpl-7',
  responseModel: model,
  finishReasons: ['stop'],
  error: undefined,
  terminated: true,
  outputEvents: tokens.length,
  stopped: undefined,
} satisfies Expected;
const anthropic = {
  ...openai,
  cacheCreationInput: 0,
  reasoning: undefined,
  responseId: 'msg_7',
  finishReasons: ['end_turn'],
};
const ollama = { ...openai, cachedInput: undefined, reasoning: undefined, responseId: undefined };
const gemini = { ...openai, responseId: 'gemini-7', finishReasons: ['STOP'] };
const responses = { ...openai, responseId: 'resp_7', finishReasons: ['completed'] };
const embeddings = {
  ...ollama,
  output: undefined,
  total: 31,
  finishReasons: [],
};

function make(name: string, dialect: Dialect, path: string, wire: WireAnswer, expected: Expected): Case {
  const streamed = wire.kind === 'stream';
  const pieces = streamed ? wire.events : [JSON.stringify(wire.body)];
  return {
    name: `${name}, ${streamed ? 'streamed' : 'whole'}`,
    dialect,
    head: {
      path,
      status: 200,
      contentType: streamed ? wire.contentType : 'application/json',
      contentEncoding: undefined,
    },
    streamed,
    pieces,
    bytes: Buffer.from(pieces.join('')),
    expected: streamed ? expected : { ...expected, outputEvents: 0 },
  };
}

const chat = '/v1/chat/completions';
const azure = '/openai/deployments/my-gpt/chat/completions?api-version=2026-01-01';
const stream = '/v1beta/models/gemini-x:streamGenerateContent';

const all = (answer: Answer): readonly Case[] => [
  make('openai chat', 'openai', chat, openaiChat(answer, streaming), openai),
  make('openai chat', 'openai', chat, openaiChat(answer, whole), openai),
  make('openai completions', 'openai', '/v1/completions', openaiCompletions(answer, streaming), {
    ...openai,
    responseId: 'cmpl-7',
  }),
  make('openai completions', 'openai', '/v1/completions', openaiCompletions(answer, whole), {
    ...openai,
    responseId: 'cmpl-7',
  }),
  make('openai embeddings', 'openai', '/v1/embeddings', openaiEmbeddings(answer, { input: ['a', 'b'] }), embeddings),
  make('openai responses', 'openai', '/v1/responses', openaiResponses(answer, streaming), responses),
  make('openai responses', 'openai', '/v1/responses', openaiResponses(answer, whole), responses),
  make('anthropic', 'anthropic', '/v1/messages', anthropicMessages(answer, streaming), anthropic),
  make('anthropic', 'anthropic', '/v1/messages', anthropicMessages(answer, whole), anthropic),
  make('gemini', 'gemini', `${stream}?alt=sse`, geminiContent(answer, true), gemini),
  make('gemini array', 'gemini', stream, geminiArray(answer), gemini),
  make('gemini', 'gemini', '/v1beta/models/gemini-x:generateContent', geminiContent(answer, false), gemini),
  make('openrouter', 'openrouter', chat, openrouterChat(answer, streaming, 0.00125), {
    ...openai,
    responseId: 'gen-7',
    cost: 0.00125,
  }),
  make('openrouter', 'openrouter', chat, openrouterChat(answer, whole, 0.00125), {
    ...openai,
    responseId: 'gen-7',
    cost: 0.00125,
  }),
  make('mistral', 'mistral', chat, mistralChat(answer), { ...openai, responseId: 'cmpl-7' }),
  make('mistral', 'mistral', chat, openaiChat(answer, whole), openai),
  make('azure', 'azure-openai', azure, azureChat(answer, streaming), openai),
  make('azure', 'azure-openai', azure, azureChat(answer, whole), openai),
  make('ollama chat', 'ollama', '/api/chat', ollamaChat(answer, {}), ollama),
  make('ollama chat', 'ollama', '/api/chat', ollamaChat(answer, whole), ollama),
  make('ollama generate', 'ollama', '/api/generate', ollamaGenerate(answer, {}), ollama),
  make('ollama generate', 'ollama', '/api/generate', ollamaGenerate(answer, whole), ollama),
  make('ollama as openai', 'ollama', chat, openaiChat(answer, streaming), openai),
  make('ollama as openai', 'ollama', chat, openaiChat(answer, whole), openai),
  make('vllm', 'openai', chat, vllmChat(answer), openai),
];

/** Every dialect, streamed and not, with texts that are difficult to read. */
export const cases = all(usual);

/** The streamed ones with other texts. */
export function streamsOf(texts: readonly string[]): Case[] {
  const streams = all({ ...usual, tokens: texts }).filter(({ streamed }) => streamed);
  return streams.map((one) => ({ ...one, expected: { ...one.expected, outputEvents: texts.length } }));
}

/** The case of that name. */
export function caseNamed(name: string): Case {
  const found = cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no case "${name}".`);
  return found;
}
