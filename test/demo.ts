/**
 * `npm run demo`: the official OpenAI client, Sluice and a fake provider in one process, without key or network.
 * It ends by itself after some seconds with 0, or on Ctrl-C with 130.
 */
import OpenAI, { APIError } from 'openai';
import { policies } from '../policies/index.ts';
import { createApp } from '../src/app.ts';
import { DemoPage, wantsColour } from './support/demo-page.ts';
import { type Provider, startProvider } from './support/fake-provider.ts';
import { LogLines } from './support/log-lines.ts';
import { movedMetrics, readMetrics } from './support/prometheus-text.ts';

const KEY = 'the-real-key-that-only-sluice-has';

const ANSWER = `A sluice is a gate in a channel. It lets water through
at the rate its keeper chose, and it does not change the
water. This one stands between your game and the models
it talks to: it checks who may ask and how often, it puts
the key on, and every token passes the moment it arrives.

When the player leaves, it tells the model at once, so that
nobody pays for words that nobody reads. When the model is
cut off, it says so, and does not pass half an answer off
as a whole one.`;

const PIPELINE = `policies:
  - policy: ip-access
    with: { allow: [127.0.0.0/8, "::1/128"] }
  - policy: request-rate
    with: { limit: 2, per: 1m, key: "header:x-player-id" }
  - policy: key-injection
    when: { upstream: openai }
    with: { keys: [{ env: DEMO_KEY }] }
  - policy: headers
    with: { response: { set: { x-served-through: sluice } } }
`;

const stop = new AbortController();
process.once('SIGINT', () => {
  stop.abort();
  process.once('SIGINT', () => process.exit(130));
});
// `npm run demo | head` closes the pipe: there is nobody left to show anything to.
process.stdout.on('error', () => process.exit(0));

process.exitCode = await demo(new DemoPage(process.stdout, wantsColour(process.stdout, process.env)));

async function demo(page: DemoPage): Promise<number> {
  const provider = await startProvider({
    tokens: ANSWER.match(/\s*\S+/g) ?? [],
    usage: { input: 24 },
    gapMs: 40,
    keys: [KEY],
  });
  const log = new LogLines();
  try {
    const app = await createApp({
      yaml: yamlFor(provider),
      policies,
      env: { DEMO_KEY: KEY },
      log: { destination: log },
    });
    try {
      await app.listen();
      await show(page, provider, log, app.proxyAddresses[0]?.port ?? 0, app.adminAddresses[0]?.port ?? 0);
    } finally {
      await app.close({ drainMs: 0 });
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    await provider.close();
  }
  if (!stop.signal.aborted) return 0;
  page.line('\nStopped.');
  return 130;
}

function yamlFor(provider: Provider): string {
  return `listen: 127.0.0.1:0
admin: 127.0.0.1:0
upstreams:
  openai: { url: "${provider.url}", dialect: openai, allow_private: true }
routes:
  - { path: /openai, upstream: openai }
${PIPELINE}`;
}

async function show(page: DemoPage, provider: Provider, log: LogLines, port: number, adminPort: number): Promise<void> {
  const sluice = `http://127.0.0.1:${port}/openai`;
  const metrics = async () => readMetrics(await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text());
  const client = new OpenAI({
    baseURL: `${sluice}/v1`,
    apiKey: 'any-text-will-do',
    maxRetries: 0,
    defaultHeaders: { 'x-player-id': 'player-7' },
  });
  const before = await metrics();

  page.heading('Sluice demo: no key, no network');
  page.say(`official OpenAI client  →  Sluice, ${sluice}  →  fake provider, ${provider.url}`);
  page.say();
  for (const line of PIPELINE.trimEnd().split('\n')) page.note(line);

  await streamed(page, provider, client);
  await limited(page, client);
  await showMetrics(page, before, metrics);

  page.heading('4. Its line in the access log');
  const line = await log.waitFor((entry) => entry.msg === 'exchange' && entry.status === 200);
  page.say(JSON.stringify(line));

  page.heading('Try next');
  page.say('OPENAI_API_KEY=sk-… npm start        # proxy.yaml as shipped, on port 7480');
  page.say("curl -N http://127.0.0.1:7480/openai/v1/chat/completions -H 'content-type: application/json' \\");
  page.say(`  -d '{"model":"gpt-5-mini","stream":true,"messages":[{"role":"user","content":"Hello"}]}'`);
  page.say('curl http://127.0.0.1:7490/health      # and /metrics, /config, /readyz');
  page.say('npm start -- --check                   # edit proxy.yaml, then see whether it is right');
  page.say('npm test');
}

async function streamed(page: DemoPage, provider: Provider, client: OpenAI): Promise<void> {
  page.heading('1. A streamed chat completion, each token as it arrives');
  page.say('> What is a sluice?');
  page.line('');
  const { signal } = stop;
  const started = performance.now();
  const stream = await client.chat.completions.create(
    { model: 'gpt-5-mini', stream: true, messages: [{ role: 'user', content: 'What is a sluice?' }] },
    { signal },
  );
  const arrivals: number[] = [];
  for await (const chunk of stream) {
    arrivals.push(performance.now());
    const text = chunk.choices[0]?.delta.content ?? '';
    page.stream(arrivals.length === 2 ? `    ${text}` : text);
  }
  signal.throwIfAborted();
  page.line('\n');
  const seen = provider.requests[0];
  const delays = arrivals.map((at, index) => at - (seen?.sent[index]?.at ?? at)).sort((a, b) => a - b);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const median = (delays[Math.floor(delays.length / 2)] ?? 0).toFixed(1);
  page.say(
    `${arrivals.length} events in ${seconds} s; from the provider's write to the client's read: median ${median} ms`,
  );
  const injected = seen?.headers.authorization === `Bearer ${KEY}`;
  page.say(`the client sent its own key; the provider got ${injected ? 'the real one, from Sluice' : 'another'}`);
}

async function limited(page: DemoPage, client: OpenAI): Promise<void> {
  page.heading('2. The limit: two requests a minute for each player');
  const { signal } = stop;
  const { response } = await client.models.list({ signal }).withResponse();
  page.say(`second request: ${response.status}, RateLimit: ${response.headers.get('ratelimit') ?? 'not told'}`);
  try {
    await client.models.list({ signal });
    page.say(page.style('yellow', 'third request: it passed, which it should not'));
  } catch (error) {
    if (!(error instanceof APIError) || error.status === undefined) throw error;
    const wait = error.headers?.get('retry-after');
    page.say(`third request:  the client raised ${page.style('green', error.constructor.name)}, code ${error.code}`);
    page.say(`                ${error.message}`);
    if (wait) page.say(`                Retry-After: ${wait} s`);
  }
}

async function showMetrics(
  page: DemoPage,
  before: ReadonlyMap<string, number>,
  metrics: () => Promise<Map<string, number>>,
): Promise<void> {
  page.heading('3. Metrics that moved');
  const moved = movedMetrics(before, await metrics());
  const counters = moved.filter(({ series }) => /^(sluice|gen_ai)_\w+_(total|count)(\{|$)/.test(series));
  const rows = counters.slice(0, 12).map((row) => [row.series, row.before, row.after]);
  page.table(['series', 'before', 'after'], rows);
  page.note(`and ${moved.length - rows.length} more; all of them at /metrics of the admin port`);
}
