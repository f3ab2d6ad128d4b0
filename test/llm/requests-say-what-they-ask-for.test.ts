import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestFacts } from '../../src/llm/request-facts.ts';
import type { Dialect } from '../../src/policy.ts';

const facts = (dialect: Dialect, path: string, body?: object | string) =>
  requestFacts(
    dialect,
    path,
    body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  );

const chat = '/v1/chat/completions';

test('operation, model, stream and most tokens are read in every dialect', () => {
  const expect = (
    got: object,
    operation: string | undefined,
    model: string | undefined,
    stream: boolean,
    maxTokens?: number,
  ) => assert.deepEqual(got, { operation, model, stream, maxTokens });
  expect(facts('openai', chat, { model: 'gpt-x', stream: true, max_tokens: 5 }), 'chat', 'gpt-x', true, 5);
  expect(facts('openai', chat, { model: 'gpt-x', max_completion_tokens: 6, max_tokens: 5 }), 'chat', 'gpt-x', false, 6);
  expect(facts('openai', '/v1/responses', { model: 'o9', stream: true, max_output_tokens: 7 }), 'chat', 'o9', true, 7);
  expect(facts('openai', '/v1/completions', { model: 'b' }), 'text_completion', 'b', false);
  expect(facts('openai', '/v1/embeddings?x=1', { model: 'e' }), 'embeddings', 'e', false);
  expect(
    facts('anthropic', '/v1/messages', { model: 'claude', max_tokens: 8, stream: true }),
    'chat',
    'claude',
    true,
    8,
  );
  expect(facts('openrouter', '/v1/chat/completions', { model: 'a/b', stream: false }), 'chat', 'a/b', false);
  expect(facts('mistral', '/v1/fim/completions', { model: 'code' }), 'text_completion', 'code', false);
  const azure = '/openai/deployments/my%20gpt/chat/completions?api-version=1';
  expect(facts('azure-openai', azure, { stream: true, max_tokens: 3 }), 'chat', 'my gpt', true, 3);
  const gemini = { generationConfig: { maxOutputTokens: 9 }, model: 'not-this' };
  expect(facts('gemini', '/v1beta/models/g:generateContent', gemini), 'generate_content', 'g', false, 9);
  expect(facts('gemini', '/v1beta/models/g:streamGenerateContent?alt=sse', gemini), 'generate_content', 'g', true, 9);
  expect(facts('gemini', '/v1beta/models/g:streamGenerateContent'), 'generate_content', 'g', true);
  const snake = { generation_config: { max_output_tokens: 4 } };
  expect(facts('gemini', '/v1/models/g:generateContent', snake), 'generate_content', 'g', false, 4);
  expect(facts('gemini', '/v1beta/openai/chat/completions', { model: 'g', stream: true }), 'chat', 'g', true);
  expect(facts('gemini', '/v1beta/models/e:embedContent', {}), 'embeddings', 'e', false);
  expect(facts('ollama', '/api/chat', { model: 'l', options: { num_predict: 11 } }), 'chat', 'l', true, 11);
  expect(facts('ollama', '/api/chat', { model: 'l', stream: false, options: { num_predict: -1 } }), 'chat', 'l', false);
  expect(facts('ollama', '/api/generate', { model: 'l' }), 'text_completion', 'l', true);
  expect(facts('ollama', '/api/embed', { model: 'l' }), 'embeddings', 'l', false);
  expect(facts('ollama', chat, { model: 'l' }), 'chat', 'l', false);
  expect(facts('openai', '/v1/images/generations', { model: 'i' }), undefined, 'i', false);
  expect(facts('openai', '/v1/models'), undefined, undefined, false);
  expect(facts('none', chat, { model: 'm' }), undefined, 'm', false);
});

test('what is wrong or missing is not known', () => {
  for (const body of ['', '{', '[]', 'null', '7', '"model"', '[{"model":"x"}]', '\xff\xfe']) {
    assert.deepEqual(
      facts('openai', chat, body),
      { operation: 'chat', model: undefined, stream: false, maxTokens: undefined },
      body,
    );
  }
  const wrong = {
    model: 7,
    stream: 'true',
    max_tokens: '9',
    max_completion_tokens: null,
    generationConfig: 3,
    options: null,
  };
  assert.deepEqual(facts('openai', chat, wrong), {
    operation: 'chat',
    model: undefined,
    stream: false,
    maxTokens: undefined,
  });
  assert.equal(facts('openai', chat, { max_completion_tokens: null, max_tokens: 4 }).maxTokens, 4);
  assert.equal(facts('openai', chat, { max_tokens: 1.5 }).maxTokens, undefined);
  assert.equal(facts('openai', chat, '{"model":"a","model":"b"}').model, 'b');
});
