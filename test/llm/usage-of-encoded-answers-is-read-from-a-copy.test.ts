import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Case, caseNamed, cases } from './cases.ts';
import { assertReport, feed, halves, read, readerFor, singles } from './reading.ts';

const encodings: readonly (readonly [title: string, name: string, encode: (bytes: Buffer) => Buffer])[] = [
  ['gzip', 'gzip', gzipSync],
  ['gzip by its old name', 'x-gzip', gzipSync],
  ['deflate', 'deflate', deflateSync],
  ['deflate without its header', 'Deflate', deflateRawSync],
  ['brotli', 'br', brotliCompressSync],
  ['zstd', 'zstd', zstdCompressSync],
];

async function check(one: Case, contentEncoding: string, pieces: Iterable<Buffer>, note: string): Promise<void> {
  const reader = readerFor(one.dialect, { ...one.head, contentEncoding });
  feed(reader, pieces);
  assertReport(await reader.end(true), one, `${contentEncoding} ${note}`);
}

for (const [title, contentEncoding, encode] of encodings) {
  test(`${title}: the usage sent is read at every split of the encoded bytes`, async () => {
    for (const one of cases) {
      const bytes = encode(one.bytes);
      await check(one, contentEncoding, [bytes], 'in one piece');
      await check(one, contentEncoding, singles(bytes), 'byte by byte');
      for (let at = 1; at < bytes.length; at += 32) {
        const splits = Array.from({ length: Math.min(32, bytes.length - at) }, (_, i) => at + i);
        await Promise.all(
          splits.map((split) => check(one, contentEncoding, halves(bytes, split), `split at ${split}`)),
        );
      }
    }
  });
}

test('an encoded answer that was cut is read as far as it came, and its output estimated', async () => {
  for (const [title, contentEncoding, encode] of encodings) {
    const one = caseNamed('openai chat, streamed');
    // Not compressible and larger than a block, so that the bytes before the cut can be decoded.
    const noise = Buffer.from(`: ${randomBytes(300_000).toString('base64')}\n\n`);
    const bytes = encode(Buffer.concat([Buffer.from(one.pieces.slice(0, 4).join('')), noise]));
    const reader = readerFor(one.dialect, { ...one.head, contentEncoding });
    feed(reader, [bytes.subarray(0, bytes.length - 64)]);
    const report = await reader.end(false);
    assert.equal(report.responseId, 'chatcmpl-7', title);
    assert.equal(report.outputEvents, 3, title);
    assert.equal(report.estimated, true, title);
    assert.equal(report.stopped, undefined, title);
  }
});

test('bytes that are not what Content-Encoding says stop the reading, not the exchange', async () => {
  for (const [title, contentEncoding] of encodings) {
    const one = caseNamed('openai chat, streamed');
    const reader = readerFor(one.dialect, { ...one.head, contentEncoding });
    feed(reader, [Buffer.from('data: {"id":"plain"}\n\n'), one.bytes, one.bytes]);
    const report = await reader.end(true);
    assert.equal(report.stopped, 'encoding', title);
    assert.equal(report.responseId, undefined, title);
    assert.equal(report.terminated, false, title);
  }
});

test('an encoded answer whose end is missing although it is whole says so', async () => {
  const one = caseNamed('openai chat, whole');
  const reader = readerFor(one.dialect, { ...one.head, contentEncoding: 'gzip' });
  feed(reader, [gzipSync(one.bytes).subarray(0, -20)]);
  const report = await reader.end(true);
  assert.equal(report.stopped, 'encoding');
  assert.equal(report.input, undefined);
});

test('an encoded answer without a byte is reported at once', () => {
  const one = caseNamed('openai chat, whole');
  const report = readerFor(one.dialect, { ...one.head, contentEncoding: 'br' }).end(true);
  assert.ok(!(report instanceof Promise));
  assert.equal(report.terminated, false);
});

test('identity is no encoding', () => {
  const one = caseNamed('openai chat, streamed');
  assertReport(read(one.dialect, { ...one.head, contentEncoding: 'Identity' }, [one.bytes]), one, 'identity');
});
