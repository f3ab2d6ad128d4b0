import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { usageBounds } from '../../src/llm/usage/bounds.ts';
import { caseNamed } from './cases.ts';
import { feed, read, readerFor, readSse, singles } from './reading.ts';

const big = 'x"\\ €\n'.repeat(60_000);
const json = { path: '/v1/responses', status: 200, contentType: 'application/json', contentEncoding: undefined };

/** Pieces of uneven sizes, so that keys, escapes and numbers are cut everywhere. */
function* uneven(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const next = at + 1 + ((n * 7919) % size);
    yield bytes.subarray(at, next);
    at = next;
  }
}

const last = {
  type: 'response.completed',
  response: {
    object: 'response',
    error: null,
    output: [
      { id: 'not-this', usage: { input_tokens: 1 }, content: [{ text: big, list: [1, -2.5e3, true, null, [], {}] }] },
    ],
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    'usage\u20ac': { input_tokens: 2 },
    instructions: big,
    usage: { input_tokens: 41, output_tokens: 9, total_tokens: 50, input_tokens_details: { cached_tokens: 4 } },
    model: 'gpt-x',
    id: 'resp_big',
    tools: [{ usage: { input_tokens: 3 } }],
  },
};

function assertBig(report: ReturnType<typeof read>): void {
  const { input, output, total, cachedInput, responseId, responseModel, finishReasons, estimated, stopped } = report;
  assert.deepEqual(
    { input, output, total, cachedInput, responseId, responseModel, finishReasons, estimated, stopped },
    {
      input: 41,
      output: 9,
      total: 50,
      cachedInput: 4,
      responseId: 'resp_big',
      responseModel: 'gpt-x',
      finishReasons: ['max_output_tokens'],
      estimated: false,
      stopped: undefined,
    },
  );
  assert.equal(report.terminated, true);
}

test('the usage at the end of a last event larger than any buffer is read', () => {
  const event = Buffer.from(`event: response.completed\ndata: ${JSON.stringify(last)}\n\n`);
  assert.ok(event.length > 8 * usageBounds.heldBytes);
  assertBig(readSse('openai', '/v1/responses', event));
  const head = { ...json, contentType: 'text/event-stream' };
  for (const size of [2, 5, 1000, 70_000]) assertBig(read('openai', head, uneven(event, size)));
  assertBig(read('openai', head, singles(event)));
});

test('the usage of a JSON body larger than any buffer is read', () => {
  const body = Buffer.from(JSON.stringify(last.response, null, 2));
  assert.ok(body.length > 8 * usageBounds.heldBytes);
  assertBig(read('openai', json, [body]));
  for (const size of [3, 900, 65_536]) assertBig(read('openai', json, uneven(body, size)));
});

test('large embeddings, a large line of Ollama and a large element of Gemini are read', () => {
  const vector = Array.from({ length: 20_000 }, (_, i) => Math.sin(i));
  const embeddings = { data: [{ embedding: vector }], model: 'm', usage: { prompt_tokens: 8, total_tokens: 8 } };
  const head = { ...json, path: '/v1/embeddings' };
  assert.equal(read('openai', head, [Buffer.from(JSON.stringify(embeddings))]).input, 8);

  const context = Array.from({ length: 50_000 }, (_, i) => i);
  const line = `${JSON.stringify({ model: 'm', response: '', context, done: true, done_reason: 'stop', eval_count: 6 })}\n`;
  const lines = { ...json, path: '/api/generate', contentType: 'application/x-ndjson' };
  assert.equal(read('ollama', lines, uneven(Buffer.from(line), 5000)).output, 6);

  const element = {
    candidates: [{ content: { parts: [{ inlineData: { data: 'A'.repeat(300_000) } }] }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 1290, totalTokenCount: 1295 },
  };
  const array = { ...json, path: '/v1beta/models/g:streamGenerateContent' };
  const report = read('gemini', array, uneven(Buffer.from(JSON.stringify([element, element])), 5000));
  assert.deepEqual([report.output, report.terminated], [1290, true]);
});

test('members of a large event that are too many, too long or too deep cost that event only', () => {
  const pad = 'p'.repeat(usageBounds.heldBytes);
  const usage = { prompt_tokens: 1, completion_tokens: 1 };
  const many = { pad, choices: Array.from({ length: 5000 }, (_, index) => ({ index, finish_reason: 'stop' })), usage };
  const deep = `{"pad":"${pad}","usage":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`;
  const long = { pad, id: pad, model: 'm'.repeat(400), usage: { ...usage, prompt_tokens: 3 }, choices: [] };
  const good = { id: 'x', model: 'y', choices: [], usage: { prompt_tokens: 7, completion_tokens: 2 } };
  const stream = (data: string) => readSse('openai', '/v1/chat/completions', `data: ${data}\n\ndata: [DONE]\n\n`);
  for (const data of [JSON.stringify(many), deep, `[${pad}`, `{"pad":"${pad}","usage":{"prompt_tokens":1`]) {
    assert.equal(stream(data).input, undefined);
    assert.equal(stream(`${data}\n\ndata: ${JSON.stringify(good)}`).input, 7);
  }
  const report = stream(JSON.stringify(long));
  assert.equal(report.input, 3);
  assert.equal(report.responseId, undefined);
  assert.equal(report.responseModel, 'm'.repeat(usageBounds.nameLength));
});

test('many choices, long reasons and long names are cut', () => {
  const choices = Array.from({ length: 100 }, (_, index) => ({ index, finish_reason: 'r'.repeat(200) }));
  const report = readSse(
    'openai',
    '/v1/chat/completions',
    `data: ${JSON.stringify({ id: 'i'.repeat(999), choices })}\n\n`,
  );
  assert.equal(report.finishReasons.length, usageBounds.choices);
  assert.equal(report.finishReasons[0]?.length, usageBounds.wordLength);
  assert.equal(report.responseId?.length, usageBounds.nameLength);
});

test('a decompression bomb ends the reading, and what was read before counts', async () => {
  const one = caseNamed('openai chat, streamed');
  const zeros = Buffer.alloc(usageBounds.decodedBytes + 1024 * 1024, ' ');
  const bomb = Buffer.concat([one.bytes, zeros]);
  for (const [contentEncoding, bytes] of [
    ['gzip', gzipSync(bomb)],
    ['br', brotliCompressSync(bomb, { params: {} })],
    ['zstd', zstdCompressSync(bomb)],
  ] as const) {
    const reader = readerFor(one.dialect, { ...one.head, contentEncoding });
    const before = process.memoryUsage();
    let most = 0;
    const watch = setInterval(() => {
      const now = process.memoryUsage();
      most = Math.max(most, now.heapUsed + now.external - before.heapUsed - before.external);
    }, 2);
    feed(reader, [bytes]);
    const report = await reader.end(true);
    clearInterval(watch);
    assert.equal(report.stopped, 'size', contentEncoding);
    assert.deepEqual([report.input, report.output, report.terminated], [31, 23, true], contentEncoding);
    assert.ok(most < 48 * 1024 * 1024, `${contentEncoding}: ${most} bytes while it was read`);
  }
});

test('encoded bytes that come faster than they are decoded end the reading', async () => {
  const one = caseNamed('openai chat, streamed');
  const reader = readerFor(one.dialect, { ...one.head, contentEncoding: 'gzip' });
  const piece = Buffer.alloc(64 * 1024);
  const before = process.memoryUsage().arrayBuffers;
  feed(reader, [gzipSync(one.bytes)]);
  for (let i = 0; i < 1000; i++) reader.push(piece);
  const held = process.memoryUsage().arrayBuffers - before;
  assert.ok(held < 4 * usageBounds.waitingBytes, `${held} bytes wait`);
  assert.equal((await reader.end(true)).stopped, 'size');
});

test('a zstd window above the bound is not decoded', async () => {
  const { constants } = process.getBuiltinModule('node:zlib');
  const params = { [constants.ZSTD_c_windowLog]: usageBounds.zstdWindowLog + 1 };
  const one = caseNamed('openai chat, whole');
  const reader = readerFor(one.dialect, { ...one.head, contentEncoding: 'zstd' });
  feed(reader, [zstdCompressSync(Buffer.concat([one.bytes, Buffer.alloc(32 * 1024 * 1024, ' ')]), { params })]);
  assert.equal((await reader.end(true)).stopped, 'encoding');
});

test('a stream byte by byte, and a line that never ends, take no more than linear time and bounded memory', () => {
  const head = { ...json, path: '/v1/chat/completions', contentType: 'text/event-stream' };
  const reader = readerFor('openai', head);
  reader.push(Buffer.from('data: {"content":"'));
  const before = process.memoryUsage();
  const piece = Buffer.from('a');
  for (let i = 0; i < 1_000_000; i++) reader.push(piece);
  const after = process.memoryUsage();
  assert.ok(after.arrayBuffers - before.arrayBuffers < 1024 * 1024);
  assert.equal(readSse('openai', head.path, `${'\n'.repeat(100_000)}${'x'.repeat(500_000)}`).terminated, false);
});

test('node:zlib is loaded for an encoded answer only', () => {
  const usage = fileURLToPath(new URL('../../src/llm/usage.ts', import.meta.url));
  const script = `
    const { createUsageReader } = await import(${JSON.stringify(usage)});
    const head = { path: '/v1/chat/completions', status: 200, contentType: 'application/json' };
    const loaded = () => process.moduleLoadList.includes('NativeModule zlib');
    createUsageReader('openai', head).push(Buffer.from('{'));
    const plain = loaded();
    const reader = createUsageReader('openai', { ...head, contentEncoding: 'gzip' });
    const made = loaded();
    reader.push(Buffer.from([0x1f]));
    console.log(JSON.stringify([plain, made, loaded()]));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: {},
  });
  assert.equal(stdout.trim(), '[false,false,true]', stderr);
});
