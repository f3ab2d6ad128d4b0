import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createUsageReader, type InBandError } from '../../src/llm/usage.ts';
import type { Dialect } from '../../src/policy.ts';
import { cases } from './cases.ts';
import { read, readSse } from './reading.ts';

const chat = '/v1/chat/completions';
const head = { path: chat, status: 200, contentType: 'application/json', contentEncoding: undefined };
const event = (data: object | string, name?: string) =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;

/** An error as it comes in a stream, and how it is told. */
const errors: readonly (readonly [Dialect, string, string, InBandError])[] = [
  [
    'openai',
    chat,
    event({ error: { message: 'secret', type: 'server_error', param: null, code: null } }),
    { class: 'server_error', code: undefined, type: 'server_error' },
  ],
  [
    'openai',
    chat,
    event({ error: { message: 'secret', type: 'requests', code: 'rate_limit_exceeded' } }),
    { class: 'rate_limit', code: 'rate_limit_exceeded', type: 'requests' },
  ],
  [
    'openai',
    chat,
    event({ error: 'secret: the model is overloaded' }),
    { class: 'overloaded', code: undefined, type: undefined },
  ],
  ['openai', chat, event({ error: [{ code: 'x' }] }), { class: 'other', code: 'x', type: undefined }],
  [
    'openai',
    chat,
    event({ error: { code: 'constructor', message: 'secret' } }),
    { class: 'other', code: 'constructor', type: undefined },
  ],
  ['openai', chat, event({ error: true }), { class: 'other', code: undefined, type: undefined }],
  [
    'openai',
    chat,
    event({ error: { error: { message: 'secret', code: 400 } } }),
    { class: 'invalid_request', code: '400', type: undefined },
  ],
  [
    'openai',
    chat,
    event({ object: 'error', message: 'secret', type: 'BadRequestError', code: 400 }),
    { class: 'invalid_request', code: '400', type: 'BadRequestError' },
  ],
  [
    'openrouter',
    chat,
    event({
      id: 'gen-1',
      error: { code: 502, message: 'secret' },
      choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
    }),
    { class: 'server_error', code: '502', type: undefined },
  ],
  [
    'openai',
    '/v1/responses',
    event({ type: 'error', code: 'server_error', message: 'secret', param: null }, 'error'),
    { class: 'server_error', code: 'server_error', type: undefined },
  ],
  [
    'openai',
    '/v1/responses',
    event(
      { type: 'error', error: { type: 'invalid_request_error', code: 'context_length_exceeded', message: 'secret' } },
      'error',
    ),
    { class: 'context_length', code: 'context_length_exceeded', type: 'invalid_request_error' },
  ],
  [
    'openai',
    '/v1/responses',
    event(
      {
        type: 'response.failed',
        response: { id: 'r', status: 'failed', error: { code: 'rate_limit_exceeded', message: 'secret' } },
      },
      'response.failed',
    ),
    { class: 'rate_limit', code: 'rate_limit_exceeded', type: undefined },
  ],
  [
    'anthropic',
    '/v1/messages',
    event({ type: 'error', error: { type: 'overloaded_error', message: 'secret' } }, 'error'),
    { class: 'overloaded', code: undefined, type: 'overloaded_error' },
  ],
  [
    'anthropic',
    '/v1/messages',
    event({ type: 'error', error: { type: 'authentication_error', message: 'secret' } }),
    { class: 'authentication', code: undefined, type: 'authentication_error' },
  ],
  [
    'gemini',
    '/v1beta/models/g:streamGenerateContent?alt=sse',
    event({ error: { code: 503, message: 'secret', status: 'UNAVAILABLE' } }),
    { class: 'overloaded', code: '503', type: 'UNAVAILABLE' },
  ],
  [
    'gemini',
    '/v1beta/models/g:streamGenerateContent?alt=sse',
    event('[{"error":{"code":429,"message":"secret","status":"RESOURCE_EXHAUSTED"}}]'),
    { class: 'rate_limit', code: '429', type: 'RESOURCE_EXHAUSTED' },
  ],
];

test('an error in a stream is told by its class, code and type, never by its text, and counts as an ending', () => {
  for (const [dialect, path, text, expected] of errors) {
    const report = readSse(dialect, path, text);
    assert.deepEqual(report.error, expected, text);
    assert.equal(report.terminated, true, text);
    assert.equal(report.estimated, true, text);
    assert.ok(!JSON.stringify(report).includes('secret'), text);
  }
});

test('an error is found after the answer has begun', () => {
  const lines = '{"error":"an error was encountered while running the model: secret"}\n';
  for (const one of cases.filter(({ streamed, name }) => streamed && !name.startsWith('gemini array'))) {
    const [, , text] = errors.find(([dialect, path]) => dialect === one.dialect && path === one.head.path) ?? [];
    const error = Buffer.from(one.head.contentType === 'application/x-ndjson' ? lines : (text ?? event({ error: {} })));
    const began = one.pieces.slice(0, -2).map((piece) => Buffer.from(piece));
    const report = read(one.dialect, one.head, [...began, error]);
    assert.notEqual(report.error, undefined, one.name);
    assert.deepEqual([report.terminated, report.responseModel], [true, one.expected.responseModel], one.name);
  }
});

test('an error in a body whose status is a success, in a line, and in an array is told', () => {
  const body = (dialect: Dialect, value: unknown, more: Partial<typeof head> = {}) =>
    read(dialect, { ...head, ...more }, [Buffer.from(JSON.stringify(value))]);
  const inBody = body('openrouter', { error: { code: 429, message: 'slow down' }, user_id: 'u' });
  assert.deepEqual(inBody.error, { class: 'rate_limit', code: '429', type: undefined });
  assert.deepEqual([inBody.estimated, inBody.output, inBody.terminated], [false, undefined, true]);
  const line = body(
    'ollama',
    { error: 'model "x" not found' },
    { path: '/api/chat', contentType: 'application/x-ndjson' },
  );
  assert.deepEqual(line.error, { class: 'not_found', code: undefined, type: undefined });
  const path = '/v1beta/models/g:streamGenerateContent';
  assert.equal(
    body('gemini', [{ error: { code: 400, status: 'INVALID_ARGUMENT' } }], { path }).error?.class,
    'invalid_request',
  );
  assert.equal(body('openai', { error: null, choices: [] }).error, undefined);
});

test('a stream that was cut anywhere is estimated, never told as whole', () => {
  for (const one of cases.filter(({ streamed }) => streamed)) {
    for (let count = 1; count < one.pieces.length; count++) {
      const pieces = one.pieces.slice(0, count).map((piece) => Buffer.from(piece));
      const report = read(one.dialect, one.head, pieces, false);
      if (report.terminated || !report.estimated) {
        // What is missing says nothing more of usage.
        assert.deepEqual(
          [report.input, report.output],
          [one.expected.input, one.expected.output],
          `${one.name} ${count}`,
        );
      } else {
        assert.ok((report.output ?? -1) >= report.outputEvents, `${one.name} ${count}`);
      }
    }
    const all = Array.from({ length: one.pieces.length - 1 }, (_, i) =>
      one.pieces.slice(0, i + 1).map((p) => Buffer.from(p)),
    );
    const estimated = all.filter((pieces) => read(one.dialect, one.head, pieces, false).estimated);
    assert.ok(estimated.length >= one.expected.outputEvents - 1, one.name);
  }
});

test('an estimate is a token for four bytes of text, at least one for each event with output', () => {
  const delta = (content: string) =>
    event({ id: 'a', model: 'b', choices: [{ index: 0, delta: { content }, finish_reason: null }] });
  const text = 'Grüße "an"\n alle 👋🏽 \u0001';
  const wide = delta(text.repeat(5));
  const bytes = Buffer.byteLength(text) * 5;
  assert.equal(readSse('openai', chat, wide, false).output, Math.ceil(bytes / 4));
  const escaped = wide.replaceAll(/[^\0-~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  assert.notEqual(escaped, wide);
  assert.equal(readSse('openai', chat, escaped, false).output, Math.ceil(bytes / 4));
  assert.equal(readSse('openai', chat, delta('a').repeat(9), false).output, 9);
  const finished = readSse('openai', chat, `${delta('a').repeat(9)}data: [DONE]\n\n`);
  assert.deepEqual(
    [finished.output, finished.estimated, finished.terminated, finished.total],
    [9, true, true, undefined],
  );
  const nothing = readSse('openai', chat, '', false);
  assert.deepEqual([nothing.output, nothing.estimated, nothing.firstTokenAt], [0, true, undefined]);
});

test('a cut Anthropic stream keeps the input it began with', () => {
  const one = cases.find(({ name }) => name === 'anthropic, streamed');
  assert.ok(one !== undefined);
  const report = read(
    one.dialect,
    one.head,
    one.pieces.slice(0, 5).map((piece) => Buffer.from(piece)),
    true,
  );
  assert.deepEqual([report.input, report.cachedInput, report.output, report.estimated], [31, 12, 9, true]);
  assert.deepEqual([report.terminated, report.total], [false, 40]);
});

test('of several usages the last wins and none is summed, a part that is missing or wrong leaves what was told', () => {
  const usage = (value: unknown) => event({ id: 'a', model: 'b', choices: [], usage: value });
  const stream = [
    usage({ prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 }),
    usage(null),
    usage({ prompt_tokens: 5, completion_tokens: 4, total_tokens: 9 }),
    usage({ prompt_tokens: -1, completion_tokens: '7', total_tokens: 1e300, cost: Number.NaN }),
    usage('many'),
    usage([]),
  ];
  const { input, output, total, cost, estimated } = readSse('openai', chat, stream.join(''));
  assert.deepEqual([input, output, total, cost, estimated], [5, 4, 9, undefined, false]);
});

test('tool calls, reasoning and refusals are output; padding and sound are not counted as text', () => {
  const delta = (value: object) => event({ id: 'a', model: 'b', choices: [{ index: 0, delta: value }] });
  const text = 'x'.repeat(40);
  for (const value of [
    { content: null, reasoning_content: text },
    { content: '', reasoning: text, reasoning_details: [{ type: 'reasoning.text', text }] },
    { tool_calls: [{ index: 0, function: { arguments: text } }] },
    { refusal: text },
    { content: [{ type: 'text', text }] },
  ]) {
    const report = readSse('openai', chat, delta(value), false);
    assert.deepEqual([report.output, report.outputEvents], [10, 1], JSON.stringify(value));
  }
  const named = readSse(
    'openai',
    chat,
    delta({ tool_calls: [{ index: 0, function: { name: 'f', arguments: '' } }] }),
    false,
  );
  assert.equal(named.outputEvents, 1);
  assert.equal(readSse('openai', chat, delta({ role: 'assistant', content: '' }), false).outputEvents, 0);
  const responses = (type: string, more: object) =>
    readSse('openai', '/v1/responses', event({ type, ...more }, type), false);
  assert.equal(responses('response.output_text.delta', { delta: 'abcd', obfuscation: text }).output, 1);
  assert.equal(responses('response.audio.delta', { delta: text.repeat(9) }).output, 1);
  const thinking = { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: text } };
  assert.equal(readSse('anthropic', '/v1/messages', event(thinking), false).output, 10);
  const signature = { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: text } };
  assert.equal(readSse('anthropic', '/v1/messages', event(signature), false).outputEvents, 0);
});

test('a refused prompt of Gemini is an ending', () => {
  const path = '/v1beta/models/g:streamGenerateContent?alt=sse';
  const value = {
    promptFeedback: { blockReason: 'SAFETY' },
    usageMetadata: { promptTokenCount: 4, totalTokenCount: 4 },
  };
  const { terminated, finishReasons, input } = readSse('gemini', path, event(value));
  assert.deepEqual([terminated, finishReasons, input], [true, ['SAFETY'], 4]);
});

test('finish reasons are one a choice, in the order of the choices', () => {
  const choice = (index: number, finish_reason: string | null) =>
    event({ choices: [{ index, delta: {}, finish_reason }] });
  const { finishReasons } = readSse('openai', chat, choice(1, 'length') + choice(0, null) + choice(0, 'stop'));
  assert.deepEqual(finishReasons, ['stop', 'length']);
});

test('what has no usage is not read', () => {
  const none = (dialect: Dialect, more: Partial<Parameters<typeof createUsageReader>[1]>) =>
    assert.equal(createUsageReader(dialect, { ...head, ...more }), undefined, JSON.stringify([dialect, more]));
  none('none', {});
  none('none', { contentType: 'text/event-stream' });
  for (const status of [101, 199, 304, 400, 429, 503]) none('openai', { status });
  for (const contentType of [undefined, '', 'text/html', 'application/jsonp', 'audio/mpeg', 'multipart/x; json'])
    none('openai', { contentType });
  for (const contentEncoding of ['gzip, br', 'compress', 'aws-chunked']) none('openai', { contentEncoding });
  for (const path of ['/v1/models', '/v1/responses/resp_1', '/v1/files', '/', '']) none('openai', { path });
  none('anthropic', { path: '/v1/messages/count_tokens' });
  none('gemini', { path: '/v1beta/models/g:countTokens' });
  none('ollama', { path: '/api/tags' });
});

test('content types with parameters and other cases are read, and a stream on any path', () => {
  const some = (dialect: Dialect, more: Partial<Parameters<typeof createUsageReader>[1]>) =>
    assert.notEqual(createUsageReader(dialect, { ...head, ...more }), undefined, JSON.stringify([dialect, more]));
  for (const contentType of [
    'Application/JSON; charset=utf-8',
    'application/vnd.x+json',
    'TEXT/EVENT-STREAM;charset=UTF-8',
  ])
    some('openai', { contentType });
  some('mistral', { path: '/v2/agents/x/run', contentType: 'text/event-stream' });
  some('anthropic', { path: '/odd', contentType: 'text/event-stream' });
  some('openai', { path: '/v1/chat/completions?x=/models', status: 206 });
});

test('rubbish in a stream is passed over', () => {
  const good = event({ id: 'a', model: 'b', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } });
  for (const bad of [
    'data: {"usage":\n\n',
    'data: \n\n',
    'data\n\n',
    ':\n\n',
    'event\n\n',
    'data: null\n\n',
    'data: 7\n\n',
    'data: "usage"\n\n',
    `data: ${'['.repeat(60_000)}\n\n`,
    `event: ${'n'.repeat(9999)}\n\n`,
    'DATA: {"usage":{}}\n\n',
    ' data: x\n\n',
    '\0\xff\xfe\n\n',
  ]) {
    const report = readSse('openai', chat, `${bad}${good}`);
    assert.deepEqual(
      [report.input, report.output, report.stopped],
      [3, 2, undefined],
      JSON.stringify(bad.slice(0, 40)),
    );
  }
});
