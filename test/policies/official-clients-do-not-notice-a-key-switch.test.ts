import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic, { RateLimitError as AnthropicLimited } from '@anthropic-ai/sdk';
import OpenAI, { AuthenticationError } from 'openai';
import { startPool } from './key-pool.ts';

const messages = [{ role: 'user' as const, content: 'Hi' }];
const own = 'the-client-own-key';

test('openai streams through a 401 and a 429 without a retry of its own', async (t) => {
  const pool = await startPool(t, ['a', 'b', 'c']);
  pool.answers.set('a', { status: 401 });
  pool.answers.set('b', { status: 429, headers: { 'x-ratelimit-reset-requests': '6m0s' } });
  const client = new OpenAI({ apiKey: own, baseURL: `${pool.proxy.url}/openai/v1`, maxRetries: 0 });
  let text = '';
  for await (const chunk of await client.chat.completions.create({ model: 'gpt-4o', messages, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? '';
  }
  assert.equal(text, 'Hello from the fake provider.');
  const whole = await client.chat.completions.create({ model: 'gpt-4o', messages });
  assert.equal(whole.choices[0]?.message.content, text);
  assert.deepEqual(pool.seen(), ['a', 'b', 'c', 'c']);
});

test('anthropic streams through a 401 and a 429 without a retry of its own', async (t) => {
  const pool = await startPool(t, ['a', 'b', 'c'], { dialect: 'anthropic' });
  pool.answers.set('a', { status: 401 });
  const reset = new Date(Date.now() + 60_000).toISOString();
  pool.answers.set('b', { status: 429, headers: { 'anthropic-ratelimit-requests-reset': reset } });
  const client = new Anthropic({ apiKey: own, baseURL: `${pool.proxy.url}/anthropic`, maxRetries: 0 });
  const ask = { model: 'claude-sonnet-5', max_tokens: 50, messages };
  const message = await client.messages.stream(ask).finalMessage();
  assert.equal(message.content[0]?.type === 'text' && message.content[0].text, 'Hello from the fake provider.');
  await client.messages.create(ask);
  assert.deepEqual(pool.seen(), ['a', 'b', 'c', 'c']);
});

test('when no key is left the clients raise their own errors, once', async (t) => {
  const one = await startPool(t, ['a', 'b']);
  for (const name of ['a', 'b']) one.answers.set(name, { status: 401 });
  const openai = new OpenAI({ apiKey: own, baseURL: `${one.proxy.url}/openai/v1` });
  await assert.rejects(openai.chat.completions.create({ model: 'gpt-4o', messages }), AuthenticationError);
  assert.deepEqual(one.seen(), ['a', 'b']);
  const two = await startPool(t, ['a', 'b'], { dialect: 'anthropic' });
  for (const name of ['a', 'b']) two.answers.set(name, { status: 429, headers: { 'retry-after': '90' } });
  const anthropic = new Anthropic({ apiKey: own, baseURL: `${two.proxy.url}/anthropic` });
  const ask = { model: 'claude-sonnet-5', max_tokens: 50, messages };
  await assert.rejects(anthropic.messages.create(ask), AnthropicLimited);
  await assert.rejects(anthropic.messages.create(ask), AnthropicLimited, 'keys_resting is one too');
  assert.deepEqual(two.seen(), ['a', 'b']);
});
