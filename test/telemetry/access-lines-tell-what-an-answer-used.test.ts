import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type ProviderOptions, startProvider } from '../support/fake-provider.ts';
import type { LogLine } from '../support/log-lines.ts';
import { startProxy } from '../support/start-proxy.ts';

async function start(t: TestContext, options: ProviderOptions = {}) {
  const provider = await startProvider({ t, tokens: ['Hel', 'lo', '!'], usage: { input: 40 }, ...options });
  const proxy = await startProxy({ upstream: provider.url }, { t });
  const ask = (body: object, signal?: AbortSignal) =>
    fetch(`${proxy.url}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [], ...body }),
      ...(signal === undefined ? {} : { signal }),
    });
  return { proxy, ask, line: () => proxy.logged(({ msg }) => msg === 'exchange') };
}

/** What is not about the answer's contents, or different each time. */
function told(line: LogLine): object {
  const { model, response_model, finish_reason, tokens, truncated } = line;
  return { model, response_model, finish_reason, tokens, truncated };
}

const nothing = {
  model: undefined,
  response_model: undefined,
  finish_reason: undefined,
  tokens: undefined,
  truncated: undefined,
};

test('a whole answer: model, its model, finish reason, tokens; no time to the first token', async (t) => {
  const { ask, line } = await start(t);
  await (await ask({})).text();
  const whole = await line();
  assert.deepEqual(told(whole), {
    ...nothing,
    model: 'gpt-4o',
    response_model: 'gpt-4o',
    finish_reason: 'stop',
    tokens: { input: 40, output: 3 },
  });
  assert.equal('ttft_ms' in whole, false);
  assert.equal('queue_ms' in whole, false, 'opening a connection is no queue');
});

test('a stream with usage: the same, and the time to the first token', async (t) => {
  const { ask, line } = await start(t);
  await (await ask({ stream: true, stream_options: { include_usage: true } })).text();
  const streamed = await line();
  assert.deepEqual(streamed.tokens, { input: 40, output: 3 });
  const { ttfb_ms, ttft_ms, duration_ms } = streamed as Record<string, number>;
  assert.ok(Number(ttfb_ms) <= Number(ttft_ms) && Number(ttft_ms) <= Number(duration_ms), JSON.stringify(streamed));
});

test('a client that leaves in the stream: tokens are estimated, and said to be', async (t) => {
  const { ask, line } = await start(t, { gate: ({ index }) => (index > 2 ? new Promise(() => {}) : undefined) });
  const leaving = new AbortController();
  const answer = await ask({ stream: true }, leaving.signal);
  const reader = answer.body?.getReader();
  let text = '';
  while (!text.includes('"lo"')) text += Buffer.from((await reader?.read())?.value ?? []).toString();
  leaving.abort();
  const left = await line();
  assert.equal(left.outcome, 'client_abort');
  assert.deepEqual(told(left), {
    ...nothing,
    model: 'gpt-4o',
    response_model: 'gpt-4o',
    tokens: { output: 2, estimated: true },
  });
});

test('a stream that the provider cuts says where', async (t) => {
  const { ask, line } = await start(t, {
    handle: (_request, message, response) => {
      message.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"index":0,"delta":{"content":"ha', () => response.destroy());
      return true;
    },
  });
  await assert.rejects(ask({ stream: true }).then((answer) => answer.text()));
  const cut = await line();
  assert.equal(cut.outcome, 'upstream_abort');
  assert.equal(cut.truncated, 'body');
});

test('a stream that ends cleanly before its terminator says so too', async (t) => {
  const { ask, line } = await start(t, {
    handle: (_request, message, response) => {
      message.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: {"choices":[{"index":0,"delta":{"content":"ha"}}]}\n\n');
      return true;
    },
  });
  await (await ask({ stream: true })).text();
  assert.equal((await line()).truncated, 'terminator');
});

test('names are bounded and hold no key; what is not known is left out', async (t) => {
  const { ask, proxy } = await start(t);
  await (await ask({ model: `sk-proj-abcdefghijklmnop1234${'x'.repeat(10_000)}` })).text();
  const hostile = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.match(String(hostile.model), /^\[redacted\]/);
  assert.ok(JSON.stringify(hostile).length < 1500);
  await (await fetch(`${proxy.url}/openai/v1/models`)).text();
  const plain = await proxy.logged(({ path }) => path === '/openai/v1/models');
  assert.deepEqual(told(plain), nothing);
});
