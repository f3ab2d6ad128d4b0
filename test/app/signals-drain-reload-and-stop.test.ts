import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProvider } from '../support/fake-provider.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

const STREAM = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'gpt-4o', stream: true, messages: [] }),
};

async function start(t: TestContext, drain: string, ...more: string[]) {
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const provider = await startProvider({ t, tokens: ['a', 'b'], gate: ({ index }) => (index > 1 ? gate : undefined) });
  const file = await yamlFile(proxyYaml({ upstream: provider.url, extra: { server: { drain } } }), { t });
  const sluice = spawnSluice(['--config', file, ...more], {}, { t });
  const { url, adminUrl } = await sluice.ready;
  return { provider, file, sluice, url, adminUrl, open: () => open() };
}

test('SIGTERM: not ready, but the stream goes on and new requests are served; exit 0 when idle', async (t) => {
  const { sluice, url, adminUrl, open } = await start(t, '20s');
  assert.equal((await fetch(`${adminUrl}/readyz`)).status, 200);
  const stream = await fetch(`${url}/openai/v1/chat/completions`, STREAM);
  sluice.signal('SIGTERM');
  await sluice.logged(({ msg }) => msg === 'draining');
  assert.equal((await fetch(`${adminUrl}/readyz`)).status, 503);
  assert.equal((await fetch(`${adminUrl}/livez`)).status, 200);
  assert.equal((await fetch(`${url}/openai/v1/models`)).status, 200);
  open();
  assert.match(await stream.text(), /\[DONE\]/);
  assert.deepEqual(await sluice.exited, { code: 0, signal: null });
});

test('at the end of the drain a stream gets its error event, and the process exits with 0', async (t) => {
  const { sluice, url } = await start(t, '200ms');
  const stream = await fetch(`${url}/openai/v1/chat/completions`, STREAM);
  sluice.signal('SIGTERM');
  const text = await stream.text();
  assert.match(text, /"code":"shutting_down"/);
  assert.doesNotMatch(text, /\[DONE\]/);
  assert.deepEqual(await sluice.exited, { code: 0, signal: null });
});

test('a second signal exits at once', async (t) => {
  const { sluice, url } = await start(t, '20s');
  const stream = await fetch(`${url}/openai/v1/chat/completions`, STREAM);
  sluice.signal('SIGTERM');
  await sluice.logged(({ msg }) => msg === 'draining');
  const asked = performance.now();
  sluice.signal('SIGTERM');
  await assert.rejects(stream.text());
  assert.deepEqual(await sluice.exited, { code: 0, signal: null });
  assert.ok(performance.now() - asked < 2000);
});

test('a second signal loses no line of an exchange that has ended', async (t) => {
  const { sluice, url } = await start(t, '20s');
  const stream = await fetch(`${url}/openai/v1/chat/completions`, STREAM);
  sluice.signal('SIGTERM');
  await sluice.logged(({ msg }) => msg === 'draining');
  // Lines are written in batches: these lie in memory when the signal comes.
  for (let i = 0; i < 5; i++) {
    await (await fetch(`${url}/openai/v1/models`, { headers: { 'x-request-id': `last-${i}` } })).text();
  }
  sluice.signal('SIGTERM');
  await assert.rejects(stream.text());
  await sluice.exited;
  const ids = sluice.logs.filter(({ msg }) => msg === 'exchange').map((line) => line.request_id);
  assert.deepEqual(ids, ['last-0', 'last-1', 'last-2', 'last-3', 'last-4']);
});

test('SIGHUP reloads; a broken file keeps what runs and says where', async (t) => {
  const { provider, sluice, url, adminUrl, file } = await start(t, '1s', '--no-watch');
  const denying = [{ policy: 'ip-access', with: { deny: ['127.0.0.0/8'] } }];
  await writeFile(file, proxyYaml({ upstream: provider.url, policies: denying }));
  // Longer than a watch would need.
  await sleep(1_800);
  assert.equal((await fetch(`${url}/openai/v1/models`)).status, 200);
  sluice.signal('SIGHUP');
  await sluice.logged(({ msg }) => msg === 'configuration reloaded');
  assert.equal((await fetch(`${url}/openai/v1/models`)).status, 403);
  await writeFile(file, 'routes: [');
  sluice.signal('SIGHUP');
  const line = await sluice.logged(({ msg }) => typeof msg === 'string' && msg.startsWith('reload failed'));
  assert.match(JSON.stringify(line.problems), /proxy\.yaml:1:/);
  assert.equal((await fetch(`${url}/openai/v1/models`)).status, 403);
  assert.match(await (await fetch(`${adminUrl}/metrics`)).text(), /sluice_config_reload_total\{result="failure"\} 1/);
});

test('saving the file is enough, and a SIGHUP for the same edit makes one reload; SIGTERM then ends it as ever', async (t) => {
  const { provider, sluice, url, file } = await start(t, '1s');
  const denying = [{ policy: 'ip-access', with: { deny: ['127.0.0.0/8'] } }];
  await writeFile(file, proxyYaml({ upstream: provider.url, policies: denying }));
  await sluice.logged(({ msg }) => msg === 'configuration reloaded');
  assert.equal((await fetch(`${url}/openai/v1/models`)).status, 403);
  await writeFile(file, proxyYaml({ upstream: provider.url }));
  sluice.signal('SIGHUP');
  await sluice.logged(({ msg, generation }) => msg === 'configuration reloaded' && generation === 3);
  assert.equal((await fetch(`${url}/openai/v1/models`)).status, 200);
  await sleep(1_800);
  assert.equal(sluice.logs.filter(({ msg }) => msg === 'configuration reloaded').length, 2);
  assert.deepEqual(await sluice.kill(), { code: 0, signal: null });
});

test('an app that watches and is closed keeps no process alive', async (t) => {
  const file = await yamlFile(proxyYaml({ upstream: 'http://127.0.0.1:9' }), { t });
  const code = `
    import { createApp } from './src/app.ts';
    const app = await createApp({ files: [${JSON.stringify(file)}], watch: true, policies: new Map() });
    await app.listen();
    setTimeout(() => app.close({ drainMs: 0 }), 200);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore', timeout: 20_000 });
  const [status] = await once(child, 'exit');
  assert.equal(status, 0);
});

test('the summary at start tells listeners, routes, policies, limits and tracing', async (t) => {
  const { sluice } = await start(t, '1s');
  const line = await sluice.logged(({ msg }) => msg === 'sluice is ready');
  for (const field of ['listen', 'admin', 'routes', 'policies', 'limits', 'tracing']) assert.ok(field in line, field);
});

test('a port that is taken is said, with 1', async (t) => {
  const { url } = await start(t, '1s');
  const yaml = `listen: 127.0.0.1:${new URL(url).port}\nadmin: 127.0.0.1:0\nupstreams: { a: { url: "https://a.example" } }\nroutes: [{ path: /, upstream: a }]\n`;
  const second = spawnSluice(['--config', await yamlFile(yaml, { t })], {}, { t });
  assert.deepEqual(await second.exited, { code: 1, signal: null });
  assert.match(second.stderr, /is in use by another process/);
});

test('as shipped, a route whose key is missing answers 503 and names the variable; a missing key stops nothing else', async (t) => {
  const provider = await startProvider({ t });
  const overlay = await yamlFile(`listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n`, { t });
  const sluice = spawnSluice(['-c', 'proxy.yaml', '-c', overlay], { OLLAMA_URL: provider.url }, { t });
  const { url } = await sluice.ready;
  for (const name of ['openai', 'anthropic', 'openrouter', 'gemini', 'mistral']) {
    const answer = await fetch(`${url}/${name}/v1/models`);
    const body = (await answer.json()) as { code: string; detail: string };
    assert.equal(answer.status, 503);
    assert.equal(body.code, 'key_missing');
    assert.match(body.detail, new RegExp(`${name.toUpperCase()}_API_KEY`));
  }
  assert.equal((await fetch(`${url}/ollama/v1/models`)).status, 200);
});
