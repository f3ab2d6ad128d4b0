import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import Anthropic, { AuthenticationError as AnthropicAuthenticationError } from '@anthropic-ai/sdk';
import OpenAI, { AuthenticationError, RateLimitError } from 'openai';
import { startProvider } from './fake-provider.ts';

const tokens = ['Water', ' flows', ' – ', 'down', 'hill', '.'];
const text = tokens.join('');
const usage = { input: 21, output: 6, cached: 4, reasoning: 2 };

suite('OpenAI', () => {
  test('chat completions, whole and streamed', async () => {
    const provider = await startProvider({ tokens, usage });
    const client = new OpenAI({ baseURL: `${provider.url}/v1`, apiKey: 'key' });
    const body = { model: 'gpt-5', messages: [{ role: 'user', content: 'hi' }] } as const;
    const whole = await client.chat.completions.create({ ...body, messages: [...body.messages] });
    assert.equal(whole.choices[0]?.message.content, text);
    assert.equal(whole.usage?.prompt_tokens, 21);
    assert.equal(whole.usage?.prompt_tokens_details?.cached_tokens, 4);

    const stream = await client.chat.completions.create({
      ...body,
      messages: [...body.messages],
      stream: true,
      stream_options: { include_usage: true },
    });
    const pieces: string[] = [];
    let total: number | undefined;
    for await (const chunk of stream) {
      const piece = chunk.choices[0]?.delta.content;
      if (piece) pieces.push(piece);
      total = chunk.usage?.total_tokens ?? total;
    }
    assert.deepEqual(pieces, tokens);
    assert.equal(total, 27);
    assert.equal(provider.requests[1]?.headerLines('authorization')[0], 'Bearer key');
  });

  test('responses, whole and streamed', async () => {
    const provider = await startProvider({ tokens, usage });
    const client = new OpenAI({ baseURL: `${provider.url}/v1`, apiKey: 'key' });
    const whole = await client.responses.create({ model: 'gpt-5', input: 'hi' });
    assert.equal(whole.output_text, text);
    const stream = client.responses.stream({ model: 'gpt-5', input: 'hi' });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    const final = await stream.finalResponse();
    assert.equal(final.output_text, text);
    assert.equal(final.usage?.output_tokens_details.reasoning_tokens, 2);
    assert.equal(types.at(0), 'response.created');
    assert.equal(types.at(-1), 'response.completed');
    assert.equal(types.filter((type) => type === 'response.output_text.delta').length, tokens.length);
  });

  test('embeddings and models', async () => {
    const provider = await startProvider();
    const client = new OpenAI({ baseURL: `${provider.url}/v1`, apiKey: 'key' });
    const embeddings = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
    assert.deepEqual(embeddings.data[1]?.embedding, [0.5, -0.25, 0.125, 1]);
    assert.match(provider.requests[0]?.sentBytes.toString() ?? '', /"embedding":"AAAAPwAAgL4AAAA\+AACAPw=="/);
    const models = await client.models.list();
    assert.equal(models.data[0]?.id, 'gpt-fake');
  });

  test('raises its own typed errors', async () => {
    const provider = await startProvider({ keys: ['right'] });
    const wrong = new OpenAI({ baseURL: `${provider.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
    await assert.rejects(wrong.models.list(), AuthenticationError);
    const right = new OpenAI({ baseURL: `${provider.url}/v1`, apiKey: 'right', maxRetries: 0 });
    provider.overrideNext({ status: 429, headers: { 'retry-after': '3' } });
    await assert.rejects(right.models.list(), (error) => {
      assert.ok(error instanceof RateLimitError);
      assert.equal(error.headers.get('retry-after'), '3');
      return error.code === 'rate_limit_exceeded';
    });
    assert.equal((await right.models.list()).data.length, 1);
  });
});

suite('Anthropic', () => {
  const body = { model: 'claude-opus-5', max_tokens: 64, messages: [{ role: 'user' as const, content: 'hi' }] };

  test('messages, whole and streamed', async () => {
    const provider = await startProvider({ tokens, usage });
    const client = new Anthropic({ baseURL: provider.url, apiKey: 'key' });
    const whole = await client.messages.create(body);
    assert.deepEqual(whole.content[0], { type: 'text', text, citations: null });
    assert.equal(whole.usage.input_tokens, 17);
    assert.equal(whole.usage.cache_read_input_tokens, 4);

    const stream = client.messages.stream(body);
    const pieces: string[] = [];
    stream.on('text', (piece) => pieces.push(piece));
    const final = await stream.finalMessage();
    assert.deepEqual(pieces, tokens);
    assert.equal(final.stop_reason, 'end_turn');
    assert.equal(final.usage.output_tokens, 6);
    // The client has its key as a Bearer token, whatever the documentation says of x-api-key: a proxy has to strip both.
    assert.deepEqual(provider.requests[1]?.headerLines('authorization'), ['Bearer key']);
    assert.match(provider.requests[1]?.sentBytes.toString() ?? '', /event: ping\ndata: \{"type":"ping"\}\n\n/);
  });

  test('asks for a key and a version in its own error shape', async () => {
    const provider = await startProvider({ keys: ['right'] });
    const client = new Anthropic({ baseURL: provider.url, apiKey: 'wrong', maxRetries: 0 });
    await assert.rejects(client.messages.create(body), (error) => {
      assert.ok(error instanceof AnthropicAuthenticationError);
      return error.type === 'authentication_error';
    });
    const keyless = await fetch(`${provider.url}/v1/messages`, { method: 'POST', body: '{}' });
    assert.equal(keyless.status, 401);
    const header = { 'x-api-key': 'right', 'anthropic-version': '2023-06-01' };
    const documented = { method: 'POST', body: '{}', headers: header };
    assert.equal((await fetch(`${provider.url}/v1/messages`, documented)).status, 200);
    const unversioned = { method: 'POST', body: '{}', headers: { 'x-api-key': 'right' } };
    assert.equal((await fetch(`${provider.url}/v1/messages`, unversioned)).status, 400);
  });
});
