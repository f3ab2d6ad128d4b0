import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { type Provider, startProvider } from '../support/fake-provider.ts';
import { readMetrics } from '../support/prometheus-text.ts';
import { open } from '../support/request.ts';
import { type Proxy as Sluice, startProxy } from '../support/start-proxy.ts';
import { CHATS, KEYS } from './mixed-load.ts';

const PROVIDERS = {
  openai: 'openai',
  openrouter: 'openrouter',
  mistral: 'mistral_ai',
  'azure-openai': 'azure.ai.openai',
  anthropic: 'anthropic',
  gemini: 'gcp.gemini',
  ollama: 'ollama',
};

function yaml(provider: Provider, models: readonly string[], usage = 'auto'): string {
  const names = [...Object.keys(PROVIDERS), 'none'];
  return stringify({
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    upstreams: Object.fromEntries(
      names.map((dialect) => [dialect, { url: provider.url, dialect, allow_private: true }]),
    ),
    routes: names.map((name) => ({ path: `/${name}`, upstream: name, credentials: 'pass' })),
    telemetry: { metrics: { models }, usage },
  });
}

async function start(t: TestContext, models: readonly string[], usage?: string) {
  const provider = await startProvider({ t, tokens: ['a', 'b', 'c', 'd'], usage: { input: 40 } });
  const proxy = await startProxy(yaml(provider, models, usage), { t });
  return { provider, proxy };
}

async function ask(proxy: Sluice, dialect: string, model: string | undefined, stream: boolean): Promise<void> {
  const chat = CHATS[dialect]?.(model, stream);
  assert.ok(chat !== undefined);
  const options = stream && dialect.startsWith('open') ? { stream_options: { include_usage: true } } : {};
  const { response } = await open(`${proxy.url}/${dialect}${chat.path}`, {
    headers: KEYS,
    body: { ...chat.body, ...options },
  });
  assert.equal(response.statusCode, 200);
  response.resume();
  await once(response, 'end');
}

/** The values of one family once so many exchanges have been recorded; a histogram's counts and sums. */
async function read(proxy: Sluice, exchanges: number) {
  await proxy.logged(() => proxy.logs.filter(({ msg }) => msg === 'exchange').length === exchanges);
  const all = readMetrics(await proxy.metrics());
  return (name: string, provider: string, model: string, type?: string) => {
    const labels = `gen_ai_provider_name="${provider}",gen_ai_operation_name="${provider === 'gcp.gemini' ? 'generate_content' : 'chat'}",gen_ai_request_model="${model}"`;
    return all.get(`gen_ai_${name}{${labels}${type === undefined ? '' : `,gen_ai_token_type="${type}"`}}`);
  };
}

test('each dialect: durations, first tokens, time per token and tokens under its provider, streamed and not', async (t) => {
  const { proxy } = await start(t, ['m-*']);
  for (const dialect of Object.keys(PROVIDERS)) {
    await ask(proxy, dialect, 'm-1', false);
    await ask(proxy, dialect, 'm-1', true);
  }
  const value = await read(proxy, 14);
  for (const [dialect, provider] of Object.entries(PROVIDERS)) {
    assert.equal(value('client_operation_duration_seconds_count', provider, 'm-*'), 2, dialect);
    assert.equal(value('server_time_to_first_token_seconds_count', provider, 'm-*'), 1, dialect);
    const seconds = value('server_time_to_first_token_seconds_sum', provider, 'm-*') ?? 0;
    assert.ok(seconds > 0 && seconds < 5, `${dialect}: ${seconds}`);
    assert.equal(value('client_token_usage_sum', provider, 'm-*', 'output'), 8, dialect);
    // Without `include_usage` these tell no input in their streams.
    const told = dialect === 'mistral' || dialect === 'azure-openai' ? 1 : 2;
    assert.equal(value('client_token_usage_sum', provider, 'm-*', 'input'), 40 * told, dialect);
    const timed = value('server_time_per_output_token_seconds_count', provider, 'm-*');
    assert.equal(timed, told === 1 ? undefined : 1, dialect);
  }
});

test('a model is its entry of the list, an exact name before a glob; `other` without one, `none` when not known', async (t) => {
  const { proxy } = await start(t, ['gpt-*', 'gpt-exact', 'org/*']);
  const models = ['gpt-exact', 'gpt-x', 'gpt-y/z', 'org/gpt', 'o'.repeat(5000), undefined];
  for (const model of models) await ask(proxy, 'openai', model, false);
  const value = await read(proxy, models.length);
  for (const [label, count] of [
    ['gpt-exact', 1],
    ['gpt-*', 1],
    ['org/*', 1],
    ['other', 2],
    ['none', 1],
  ] as const) {
    assert.equal(value('client_operation_duration_seconds_count', 'openai', label), count, label);
  }
  assert.doesNotMatch(await proxy.metrics(), /ooooo|gpt-x|gpt-y/);
});

test('a reload with another list of models counts under its entries from then on', async (t) => {
  const { provider, proxy } = await start(t, ['gpt-*']);
  await ask(proxy, 'openai', 'new-model', false);
  await proxy.reload(yaml(provider, ['new-model']));
  await ask(proxy, 'openai', 'new-model', false);
  const value = await read(proxy, 2);
  assert.equal(value('client_operation_duration_seconds_count', 'openai', 'other'), 1);
  assert.equal(value('client_operation_duration_seconds_count', 'openai', 'new-model'), 1);
});

test('what is no operation, of no dialect, or not read counts as none', async (t) => {
  const { provider, proxy } = await start(t, ['*']);
  await ask(proxy, 'none', 'm', true);
  await (await fetch(`${proxy.url}/openai/v1/models`)).text();
  await read(proxy, 2);
  assert.doesNotMatch(await proxy.metrics(), /^gen_ai_\w+\{/m);
  await proxy.reload(yaml(provider, ['*'], 'off'));
  await ask(proxy, 'openai', 'm', true);
  await read(proxy, 3);
  assert.doesNotMatch(await proxy.metrics(), /^gen_ai_\w+\{/m);
});

test('an operation that fails has a duration and no tokens; one that was never sent has nothing', async (t) => {
  const { provider, proxy } = await start(t, ['*']);
  provider.overrideNext({ status: 500 });
  const response = await fetch(`${proxy.url}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm' }),
  });
  assert.equal(response.status, 500);
  await response.text();
  await provider.close();
  await (await fetch(`${proxy.url}/openai/v1/chat/completions`, { method: 'POST', body: '{"model":"m"}' })).text();
  const value = await read(proxy, 2);
  assert.equal(value('client_operation_duration_seconds_count', 'openai', '*'), 1);
  assert.equal(value('client_token_usage_count', 'openai', '*', 'output'), undefined);
});
