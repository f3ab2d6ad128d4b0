import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { definePolicy } from '../../src/policy.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';
import { startTraced } from '../support/traced-proxy.ts';

/** A key of no known shape, and what a player said. */
const KEY = 'mycorp-canary-0123456789';
const PROMPT = 'Zanzibar';
const REQUEST = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: PROMPT }] });

const schema = Type.Object({}, { additionalProperties: false });
const faults = definePolicy({
  name: 'faults',
  summary: 'Fails in ways that quote what it was given.',
  schema,
  setup: ({ log }) => ({
    async request(ctx) {
      const how = ctx.in.headers.get('x-fault');
      if (how !== 'parse') return undefined;
      const body = await ctx.body.peek(10_000);
      JSON.parse(String(body));
      return undefined;
    },
    attempt(ctx, attempt) {
      if (ctx.in.headers.get('x-fault') !== 'throw') return undefined;
      const header = attempt.headers.get('authorization');
      log.warn({ seen: header, [String(header)]: 1 }, `the header is ${header}`);
      throw new Error(`refused: ${header}`, { cause: { header } });
    },
  }),
});

const json = (body: object, status = 200) => {
  const text = JSON.stringify(body);
  return `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
};

/** Answers that quote the key and the prompt where Sluice looks. */
const answers: Record<string, string> = {
  error: json({ error: { message: `bad key ${KEY} for ${PROMPT}`, type: 'x', code: KEY } }, 401),
  model: json({
    model: KEY,
    choices: [{ finish_reason: KEY, message: { content: PROMPT } }],
    usage: { prompt_tokens: 1 },
  }),
  stream: `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {"error":{"message":"${PROMPT}","code":"${KEY}"}}\n\n`,
  garbage: `${KEY} ${PROMPT}\r\n\r\n`,
  header: `HTTP/1.1 200 ${KEY}\r\n${KEY}: ${PROMPT}\r\nbad header ${KEY}\r\n\r\n`,
  length: `HTTP/1.1 200 OK\r\ncontent-length: ${KEY}\r\n\r\n`,
};

test('logs at their most talkative, spans, metrics, admin pages and refusals hold neither key nor prompt', async (t) => {
  const upstream = await startRawUpstream(
    async (exchange) => {
      await exchange.body.catch(() => undefined);
      await exchange.write(answers[exchange.url.split('/').at(-1) ?? ''] ?? json({}));
      if (exchange.url.endsWith('stream')) exchange.end();
    },
    { t },
  );
  const policies = [{ policy: 'key-injection', with: { keys: [{ env: 'KEY' }] } }, { policy: 'faults' }];
  const started = await startTraced(
    t,
    { upstream: upstream.url, policies },
    { sample: 1 },
    { env: { KEY }, policies: [faults] },
  );
  const { proxy } = started;
  const said: string[] = [];
  const ask = async (path: string, headers: Record<string, string> = {}, body = REQUEST) => {
    const answer = await fetch(`${proxy.url}/openai/v1/${path}`, { method: 'POST', body, headers });
    const text = await answer.text().catch(() => '');
    if (answer.headers.get('content-type') === 'application/problem+json') said.push(text);
  };
  for (const path of Object.keys(answers)) await ask(path);
  for (const path of Object.keys(answers)) await ask(`chat/completions/${path}`);
  await ask('x', { 'x-fault': 'throw' });
  await ask('x', { 'x-fault': 'parse' }, `${PROMPT} is no JSON`);
  await ask('x', { 'x-fault': 'parse' }, `{"content": ${PROMPT}, "more": "${'.'.repeat(100)}"}`);
  await ask(`${KEY}?key=${KEY}`);
  await ask('x', { 'x-request-id': KEY });
  said.push(await proxy.metrics());
  for (const page of ['config', 'health']) said.push(await (await fetch(`${proxy.adminUrl}/${page}`)).text());
  const spans = await started.finish();
  assert.ok(
    upstream.exchanges.some(({ head }) => head.get('authorization') === `Bearer ${KEY}`),
    'the key was used',
  );
  assert.ok(proxy.logs.some(({ msg }) => msg === 'the header is [redacted]' || String(msg).includes('[redacted]')));
  assert.ok(proxy.logs.filter(({ msg }) => msg === 'a policy failed').length >= 2, 'faults were logged');
  said.push(JSON.stringify(proxy.logs), JSON.stringify(spans));
  for (const text of said) {
    assert.ok(!text.includes(KEY), text.slice(Math.max(0, text.indexOf(KEY) - 300), text.indexOf(KEY) + 100));
    assert.ok(!text.includes(PROMPT), text.slice(Math.max(0, text.indexOf(PROMPT) - 300), text.indexOf(PROMPT) + 100));
  }
});

const LITERAL = 'sk-proj-cAnArY0123456789cAnArY';
const valid = 'upstreams: { a: { url: "https://x.io" } }\nroutes: [{ path: /, upstream: a }]\n';
const misplaced: Record<string, string> = {
  'as a dialect': `upstreams: { a: { url: "https://x.io", dialect: ${LITERAL} } }\nroutes: [{ path: /, upstream: a }]\n`,
  'as a key of the map': `${valid}${LITERAL}: true\n`,
  'as an unknown option of an upstream': `upstreams: { a: { url: "https://x.io", ${LITERAL}: 1 } }\nroutes: []\n`,
  'in the URL': `upstreams: { a: { url: "https://${LITERAL}@x.io" } }\nroutes: [{ path: /, upstream: a }]\n`,
  'in the query of the URL': `upstreams: { a: { url: "https://x.io?key=${LITERAL}" } }\nroutes: [{ path: /, upstream: a }]\n`,
  'as the name of a variable': `${valid}policies: [{ policy: key-injection, with: { keys: [{ env: ${LITERAL} }] } }]\n`,
  'instead of a source': `${valid}policies: [{ policy: key-injection, with: { keys: [${LITERAL}] } }]\n`,
  'as an upstream that a route names': `upstreams: { a: { url: "https://x.io" } }\nroutes: [{ path: /, upstream: ${LITERAL} }]\n`,
  'as a policy': `${valid}policies: [{ policy: ${LITERAL} }]\n`,
  'in a reference': `${valid}admin: "\${${LITERAL}}"\n`,
  'in what is no YAML': `${valid}admin: "a" "${LITERAL}"\n`,
  'behind a broken quote': `${valid}admin: [a, b] ${LITERAL}\n`,
  'as an alias': `${valid}admin: *${LITERAL}\n`,
  'as a tag': `${valid}admin: !${LITERAL} a\n`,
  'as a level of the log': `${valid}telemetry: { logs: { level: ${LITERAL} } }\n`,
  'as a number': `${valid}server: { drain: ${LITERAL} }\n`,
};

test('a key that stands in the wrong place of the configuration is not repeated', async (t) => {
  const { loadConfigText } = await import('../../src/config/load.ts');
  const { formatProblems } = await import('../../src/config/problems.ts');
  const { policies } = await import('../../policies/index.ts');
  for (const [where, yaml] of Object.entries(misplaced)) {
    const loaded = loadConfigText(yaml, { policies, env: {} });
    assert.ok(!loaded.ok, where);
    const text = formatProblems(loaded.problems);
    assert.doesNotMatch(text, /cAnArY/, `${where}: ${text}`);
    assert.match(text, /^proxy\.yaml:\d+:\d+ /, where);
  }
  const file = await yamlFile(misplaced['as a dialect'] ?? '', { t });
  const sluice = spawnSluice(['--config', file], {}, { t });
  assert.deepEqual(await sluice.exited, { code: 2, signal: null });
  assert.match(sluice.stderr, /upstreams\.a\.dialect.*got "\[redacted\]"/);
});

test("Node's own warnings, and errors that nobody caught, go through the log", async (t) => {
  const file = await yamlFile(`listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n${valid}`, { t });
  const hook = `process.on('SIGUSR2', () => process.emitWarning('the key ${LITERAL}'));
    process.on('SIGWINCH', () => { throw new Error('the key ${LITERAL}'); });`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` };
  const sluice = spawnSluice(['--config', file], env, { t });
  await sluice.ready;
  sluice.signal('SIGUSR2');
  const warned = await sluice.logged(({ msg }) => msg === 'Node warns');
  sluice.signal('SIGWINCH');
  const failed = await sluice.logged(({ msg }) => msg === 'an error was caught by nobody');
  for (const line of [warned, failed]) assert.match(JSON.stringify(line), /the key \[redacted\]/);
  await sluice.kill();
  assert.equal(sluice.stderr, '');
  assert.doesNotMatch(sluice.stdout, /cAnArY/);
});
