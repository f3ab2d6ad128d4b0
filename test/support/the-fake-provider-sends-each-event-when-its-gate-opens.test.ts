import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arrivals } from './arrivals.ts';
import { startProvider } from './fake-provider.ts';
import { connectRaw } from './raw-client.ts';
import { open, request } from './request.ts';
import { selfSignedCertificate } from './self-signed-certificate.ts';
import { SseReader } from './sse-reader.ts';

const chat = { model: 'gpt-5', stream: true, messages: [] };

test('one event a time, each in a read of its own, byte for byte what was recorded', async () => {
  const gates = new Arrivals<true>();
  const provider = await startProvider({ tokens: ['a', 'ü', 'c'], gate: () => gates.next() });
  const { response } = await open(`${provider.url}/v1/chat/completions`, { body: chat });
  const recorded = await provider.nextRequest();
  const reader = new SseReader(response);
  for (let index = 0; index < 6; index++) {
    assert.equal(recorded.sent.length, index);
    gates.push(true);
    const event = await reader.next();
    assert.equal(event?.read, index);
    assert.deepEqual(event?.raw, recorded.sent[index]?.bytes);
  }
  assert.equal(await reader.next(), undefined);
  assert.deepEqual(reader.bytes, recorded.sentBytes);
  assert.equal((await recorded.outcome).kind, 'finished');
});

test('a client that leaves is noticed while the gate is shut', async () => {
  const provider = await startProvider({ gate: ({ index }) => (index < 2 ? undefined : new Promise(() => undefined)) });
  const { sent, response } = await open(`${provider.url}/v1/chat/completions`, { body: chat });
  const reader = new SseReader(response);
  await reader.next();
  const recorded = await provider.nextRequest();
  response.on('error', () => undefined);
  const left = performance.now();
  sent.destroy();
  assert.ok((await recorded.aborted) >= left);
  assert.equal((await recorded.outcome).kind, 'aborted');
  assert.equal(recorded.sent.length, 2);
});

test('Gemini and Ollama in their own formats', async () => {
  const provider = await startProvider({ tokens: ['x', 'y'], usage: { output: 5, reasoning: 2 } });
  const headers = { 'x-goog-api-key': 'key' };
  const gemini = `${provider.url}/v1beta/models/gemini-3-pro`;
  const whole = await request(`${gemini}:generateContent`, { headers, body: {} });
  assert.match(whole.text, /"parts":\[\{"text":"xy"\}\]/);
  const { response } = await open(`${gemini}:streamGenerateContent?alt=sse`, { headers, body: {} });
  const events = await new SseReader(response).all();
  assert.equal(events.length, 2);
  assert.match(events[1]?.data ?? '', /"candidatesTokenCount":3,"thoughtsTokenCount":2/);
  assert.match(events[1]?.raw.toString() ?? '', /\r\n\r\n$/);
  assert.equal((await request(`${gemini}:generateContent`, { body: {} })).status, 403);

  const ollama = await request(`${provider.url}/api/chat`, { body: { model: 'llama' } });
  const lines = ollama.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map((line) => line.done),
    [false, false, true],
  );
  assert.equal(lines[2].eval_count, 5);
});

test('the request is recorded as it came, an unfinished upload too', async () => {
  const provider = await startProvider();
  const client = await connectRaw(provider.url);
  await client.send('POST /v1/chat/completions?a=%2f&b HTTP/1.1\r\nhost: x\r\nX-Twice: 1\r\nx-twice: 2\r\n');
  await client.send('Content-Length: 10\r\n\r\n12345');
  const recorded = await provider.nextHead();
  assert.equal(recorded.url, '/v1/chat/completions?a=%2f&b');
  assert.deepEqual(recorded.headerLines('x-twice'), ['1', '2']);
  assert.ok(recorded.rawHeaders.includes('X-Twice'));
  client.destroy();
  await assert.rejects(recorded.received);
  assert.equal(provider.connections, 1);
});

test('an https provider with a certificate made here is trusted through its own CA', async () => {
  const certificate = selfSignedCertificate();
  const provider = await startProvider({ tls: certificate });
  const { request: httpsRequest } = await import('node:https');
  const get = (ca: string | undefined) =>
    new Promise<number | undefined>((resolve, reject) => {
      const url = `${provider.url.replace('127.0.0.1', 'localhost')}/v1/models`;
      const sent = httpsRequest(url, { ...(ca === undefined ? {} : { ca }), agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject).end();
    });
  assert.equal(await get(certificate.cert), 200);
  await assert.rejects(get(undefined), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
});
