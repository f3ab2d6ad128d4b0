/** Streams that were broken at random, and what must hold of them. */
import assert from 'node:assert/strict';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { UsageReport } from '../../src/llm/usage.ts';
import { cases } from './cases.ts';
import { feed, readerFor } from './reading.ts';

type Random = () => number;

/** Mulberry32: small, seeded, good enough to break things. */
function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const splices = [
  '\n\ndata: {"error":{"message":"m","type":"server_error","code":9}}\n\n',
  '\n\nevent: error\ndata: {"type":"error"}\n\n',
  '\n{"error":"e"}\n',
  ...[
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '\n',
    '\r',
    '\r\n\r\n',
    'data: ',
    'data:[DONE]\n\n',
    'event: error\n',
    '\0',
  ],
  ...[
    '\uFEFF',
    'null',
    '-1',
    '1e999',
    '"usage":',
    '"usage":{"prompt_tokens":{}}',
    '"error":',
    '"error":[null]',
    '__proto__',
  ],
  ...[
    '"choices":[null,7,[]],',
    '"finish_reason":{},',
    '"\\ud800"',
    '[['.repeat(3000),
    '{"usage":'.repeat(500),
    'x'.repeat(70_000),
  ],
].map((text) => Buffer.from(text));

function mutated(bytes: Buffer, random: Random): Buffer {
  let result = bytes;
  for (let n = 1 + Math.floor(random() * 4); n > 0; n--) {
    const at = Math.floor(random() * (result.length + 1));
    const to = Math.min(result.length, at + Math.floor(random() * 60));
    const splice = splices[Math.floor(random() * splices.length)] ?? bytes;
    switch (Math.floor(random() * 6)) {
      case 0:
        result = Buffer.concat([result.subarray(0, at), result.subarray(to)]);
        break;
      case 1:
        result = Buffer.concat([result.subarray(0, at), splice, result.subarray(at)]);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, to), result.subarray(at)]);
        break;
      case 3:
        result = result.subarray(0, at);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, at), splice, result.subarray(to)]);
        break;
      default:
        result = Buffer.from(result);
        if (at < result.length) result[at] = Math.floor(random() * 256);
    }
  }
  return result;
}

function* pieces(bytes: Buffer, random: Random): Generator<Buffer> {
  const most = 1 + Math.floor(random() ** 3 * bytes.length);
  for (let at = 0; at < bytes.length; ) {
    const next = at + 1 + Math.floor(random() * most);
    yield bytes.subarray(at, next);
    at = next;
  }
}

const encodings = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
] as const;

/** A count is undefined or a count; ids, models, reasons and codes are short; the rest has its type. */
function assertSound(report: UsageReport): void {
  const { input, output, total, cachedInput, cacheCreationInput, reasoning, outputEvents } = report;
  for (const value of [input, output, total, cachedInput, cacheCreationInput, reasoning, outputEvents]) {
    assert.ok(value === undefined || (Number.isInteger(value) && value >= 0));
  }
  assert.ok(report.cost === undefined || (Number.isFinite(report.cost) && report.cost >= 0));
  for (const text of [
    report.responseId,
    report.responseModel,
    report.error?.code,
    report.error?.type,
    ...report.finishReasons,
  ]) {
    assert.ok(text === undefined || (typeof text === 'string' && text.length > 0 && text.length <= 256));
  }
  assert.ok(report.finishReasons.length <= 16);
  assert.notEqual(report.stopped, 'fault');
  assert.ok(!report.estimated || output !== undefined);
}

/** What so many mutated streams did. */
export interface Tally {
  /** Bytes that the heap and buffers had grown by at most, after collections. */
  readonly grown: number;
  readonly terminated: number;
  readonly estimated: number;
  readonly failed: number;
}

/** Reads mutated streams; every tenth is encoded, half of those broken after encoding. Throws with the seed of the one. */
export async function readMutated(count: number, seed: number): Promise<Tally> {
  let base = 0;
  let grown = 0;
  const seen = { terminated: 0, estimated: 0, failed: 0 };
  for (let n = 0; n < count; n++) {
    const one = cases[n % cases.length];
    assert.ok(one !== undefined);
    try {
      const report = await readOne(one, randomFrom(seed + n));
      assertSound(report);
      if (report.terminated) seen.terminated++;
      if (report.estimated) seen.estimated++;
      if (report.error !== undefined) seen.failed++;
    } catch (cause) {
      throw new Error(`${one.name}, stream ${n} of seed ${seed}`, { cause });
    }
    if (n % 1000 === 999) {
      globalThis.gc?.();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      if (base === 0) base = heapUsed + arrayBuffers;
      grown = Math.max(grown, heapUsed + arrayBuffers - base);
    }
  }
  return { grown, ...seen };
}

async function readOne(one: (typeof cases)[number], random: Random): Promise<UsageReport> {
  const whole = random() < 0.5;
  const broken = mutated(one.bytes, random);
  const encoding = random() < 0.1 ? encodings[Math.floor(random() * encodings.length)] : undefined;
  const reader = readerFor(one.dialect, { ...one.head, contentEncoding: encoding?.[0] });
  let sent = broken;
  if (encoding !== undefined) sent = random() < 0.5 ? encoding[1](broken) : mutated(encoding[1](one.bytes), random);
  feed(reader, pieces(sent, random));
  return reader.end(whole);
}
