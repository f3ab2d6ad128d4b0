/** Reads answers through the public interface, in pieces of any size. */
import assert from 'node:assert/strict';
import { type AnswerHead, createUsageReader, type UsageReader, type UsageReport } from '../../src/llm/usage.ts';
import type { Dialect } from '../../src/policy.ts';
import type { Case } from './cases.ts';

/** A reader that must be there. */
export function readerFor(dialect: Dialect, head: AnswerHead): UsageReader {
  const reader = createUsageReader(dialect, head);
  assert.ok(reader !== undefined, `no reader for ${dialect} ${head.path} ${head.contentType} ${head.contentEncoding}`);
  return reader;
}

/**
 * Reads pieces. Each goes through one buffer that is overwritten after the call: a reader that keeps memory that is not
 * its own reads rubbish.
 */
export function feed(reader: UsageReader, pieces: Iterable<Buffer>): void {
  for (const piece of pieces) {
    const lent = Buffer.from(piece);
    reader.push(lent);
    lent.fill(0x21);
  }
}

/** The report on an answer that is not encoded. */
export function read(dialect: Dialect, head: AnswerHead, pieces: Iterable<Buffer>, whole = true): UsageReport {
  const reader = readerFor(dialect, head);
  feed(reader, pieces);
  const report = reader.end(whole);
  assert.ok(!(report instanceof Promise), 'what is not encoded is reported at once');
  return report;
}

/** Server-sent events on a path, as a whole stream in one piece. */
export function readSse(dialect: Dialect, path: string, text: string | Buffer, whole = true): UsageReport {
  const head = { path, status: 200, contentType: 'text/event-stream', contentEncoding: undefined };
  return read(dialect, head, [Buffer.from(text)], whole);
}

/** The bytes in two pieces. */
export function halves(bytes: Buffer, at: number): Buffer[] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

/** The bytes one by one. */
export function* singles(bytes: Buffer): Generator<Buffer> {
  for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1);
}

/** Holds a report against a case; the time of the first token is no part of it but must be there for streams. */
export function assertReport(report: UsageReport, one: Case, note: string): void {
  const { firstTokenAt, ...rest } = report;
  assert.deepEqual(rest, one.expected, `${one.name}: ${note}`);
  assert.equal(firstTokenAt !== undefined, one.streamed, `${one.name}: ${note}`);
}
