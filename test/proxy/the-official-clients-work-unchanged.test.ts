import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import Anthropic, {
  PermissionDeniedError as AnthropicDenied,
  RateLimitError as AnthropicLimited,
} from '@anthropic-ai/sdk';
import OpenAI, { PermissionDeniedError, RateLimitError } from 'openai';
import { type Provider, startProvider } from '../support/fake-provider.ts';
import { startProxy } from '../support/start-proxy.ts';

const OWN = 'the-client-own-key';
const REAL = 'the-real-key';
const ask = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'Hi' }] };
const askAnthropic = { model: 'claude-sonnet-5', max_tokens: 50, messages: [{ role: 'user' as const, content: 'Hi' }] };

async function start(t: TestContext, dialect: 'openai' | 'anthropic', policies: object[] = []) {
  const provider = await startProvider({ t, keys: [REAL], tokens: ['To', 'ken', 's'] });
  const injection = { policy: 'key-injection', with: { keys: [{ env: 'REAL' }] } };
  const proxy = await startProxy(
    { upstream: provider.url, dialect, policies: [...policies, injection] },
    { t, env: { REAL } },
  );
  return { provider, proxy };
}

const openaiAt = (url: string) => new OpenAI({ apiKey: OWN, baseURL: `${url}/openai/v1` });
const anthropicAt = (url: string) => new Anthropic({ apiKey: OWN, baseURL: `${url}/anthropic` });

function noOwnKeyIn(provider: Provider): void {
  assert.ok(provider.requests.length > 0);
  for (const request of provider.requests) {
    const sent = request.rawHeaders.join('\n') + request.url + request.body.toString();
    assert.ok(!sent.includes(OWN), 'the client key stayed here');
    assert.ok(sent.includes(REAL), 'the real key went');
  }
}

test('openai chat completions and responses, streamed and not', async (t) => {
  const { provider, proxy } = await start(t, 'openai');
  const client = openaiAt(proxy.url);
  const whole = await client.chat.completions.create(ask);
  assert.equal(whole.choices[0]?.message.content, 'Tokens');
  let text = '';
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? '';
  }
  assert.equal(text, 'Tokens');
  const response = await client.responses.create({ model: 'gpt-4o', input: 'Hi' });
  assert.equal(response.output_text, 'Tokens');
  const types: string[] = [];
  for await (const event of await client.responses.create({ model: 'gpt-4o', input: 'Hi', stream: true })) {
    types.push(event.type);
  }
  assert.equal(types.at(-1), 'response.completed');
  assert.equal(provider.requests.length, 4);
  noOwnKeyIn(provider);
});

test('anthropic messages, streamed and not', async (t) => {
  const { provider, proxy } = await start(t, 'anthropic');
  const client = anthropicAt(proxy.url);
  const whole = await client.messages.create(askAnthropic);
  assert.equal(whole.content[0]?.type === 'text' && whole.content[0].text, 'Tokens');
  const streamed = await client.messages.stream(askAnthropic).finalMessage();
  assert.equal(streamed.content[0]?.type === 'text' && streamed.content[0].text, 'Tokens');
  assert.equal(provider.requests.length, 2);
  noOwnKeyIn(provider);
});

test('every place where a client may put a key is emptied, and `credentials: pass` leaves them', async (t) => {
  const headers = { authorization: `Bearer ${OWN}`, 'x-api-key': OWN, 'api-key': OWN, 'x-goog-api-key': OWN };
  const { provider, proxy } = await start(t, 'openai');
  await fetch(`${proxy.url}/openai/v1/models?key=${OWN}&a=1&Key=${OWN}`, { headers });
  noOwnKeyIn(provider);
  assert.equal(provider.requests[0]?.url, '/v1/models?a=1');

  const passing = await startProvider({ t, keys: [OWN] });
  const open = await startProxy({ upstream: passing.url, routeOptions: { credentials: 'pass' } }, { t });
  const answer = await fetch(`${open.url}/openai/v1/models?key=${OWN}`, { headers });
  assert.equal(answer.status, 200);
  assert.equal(passing.requests[0]?.url, `/v1/models?key=${OWN}`);
  assert.deepEqual(passing.requests[0]?.headerLines('x-api-key'), [OWN]);
});

const oncePerHour = [{ policy: 'request-rate', id: 'hourly', with: { limit: 1, per: '1h' } }];
const nobody = [{ policy: 'ip-access', id: 'closed', with: { allow: ['203.0.113.0/24'] } }];

test('openai raises its own RateLimitError and PermissionDeniedError on refusals of ours, without retrying', async (t) => {
  const limited = await start(t, 'openai', oncePerHour);
  const client = openaiAt(limited.proxy.url);
  await client.chat.completions.create(ask);
  await assert.rejects(client.chat.completions.create(ask), (error: unknown) => {
    assert.ok(error instanceof RateLimitError);
    assert.equal(error.status, 429);
    assert.equal(error.code, 'rate_limited');
    assert.equal(error.type, 'rate_limit_error');
    assert.match(error.message, /"hourly"/);
    assert.ok(Number(error.headers.get('retry-after')) > 60);
    return true;
  });
  assert.equal(limited.proxy.logs.filter((line) => line.status === 429).length, 1, 'the SDK did not multiply it');
  assert.equal(limited.provider.requests.length, 1);

  const denied = await start(t, 'openai', nobody);
  await assert.rejects(openaiAt(denied.proxy.url).chat.completions.create(ask), (error: unknown) => {
    assert.ok(error instanceof PermissionDeniedError);
    assert.equal(error.code, 'address_denied');
    return true;
  });
  assert.equal(denied.provider.requests.length, 0);
});

test('anthropic raises its own RateLimitError and PermissionDeniedError on refusals of ours', async (t) => {
  const limited = await start(t, 'anthropic', oncePerHour);
  const client = anthropicAt(limited.proxy.url);
  await client.messages.create(askAnthropic);
  await assert.rejects(client.messages.create(askAnthropic), (error: unknown) => {
    assert.ok(error instanceof AnthropicLimited);
    assert.equal(error.status, 429);
    assert.equal(error.type, 'rate_limit_error');
    return true;
  });
  const denied = await start(t, 'anthropic', nobody);
  await assert.rejects(anthropicAt(denied.proxy.url).messages.create(askAnthropic), (error: unknown) => {
    assert.ok(error instanceof AnthropicDenied);
    assert.equal(error.type, 'permission_error');
    return true;
  });
});

test('a problem carries what each side reads', async (t) => {
  const { proxy } = await start(t, 'openai', nobody);
  const answer = await fetch(`${proxy.url}/openai/v1/models`, { headers: { 'x-request-id': 'mine-1' } });
  assert.equal(answer.status, 403);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  assert.equal(answer.headers.get('x-sluice-request-id'), 'mine-1');
  assert.equal(answer.headers.get('x-should-retry'), 'false');
  const body = (await answer.json()) as Record<string, unknown>;
  assert.equal(body.code, 'address_denied');
  assert.equal(body.status, 403);
  assert.equal(body.policy, 'closed');
  assert.equal(body.request_id, 'mine-1');
  assert.ok(body.type && body.title && body.detail && body.instance && body.error);
});
