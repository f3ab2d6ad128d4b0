import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkedDecoder } from '../../../src/upstream/http1/chunked.ts';
import { ProtocolError } from '../../../src/upstream/http1/protocol-error.ts';

/** Decodes reads of these lengths; the rest is one read. */
function decode(coded: Buffer, cuts: readonly number[]) {
  const decoder = new ChunkedDecoder();
  const data: Buffer[] = [];
  let behind = 0;
  let error: unknown;
  let at = 0;
  for (const cut of [...cuts, coded.length]) {
    const read = Buffer.from(coded.subarray(at, at + cut));
    at += read.length;
    if (read.length === 0 || error !== undefined) continue;
    if (decoder.done) {
      behind += read.length;
      continue;
    }
    const decoded = decoder.decode(read);
    data.push(Buffer.from(read.subarray(0, decoded.data)));
    behind += read.length - decoded.taken;
    error = decoded.error;
  }
  return { decoder, data: Buffer.concat(data), behind, error };
}

test('any body in any chunks, cut anywhere, comes out as it went in', () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 });
  const extension = fc.constantFrom('', ';a=b', ' ;x', ';q="1\t2"');
  const trailers = fc.constantFrom('', 'x-sum: 1\r\n', 'a: 1\r\nA: 2\r\n');
  fc.assert(
    fc.property(chunks, cuts, extension, trailers, fc.boolean(), (bodies, reads, more, lines, upper) => {
      const coded = bodies.flatMap((body) => {
        const size = body.length.toString(16);
        return [Buffer.from(`${upper ? size.toUpperCase() : size}${more}\r\n`), Buffer.from(body), Buffer.from('\r\n')];
      });
      const end = Buffer.from(`0${more}\r\n${lines}\r\nBEHIND`);
      const { decoder, data, behind, error } = decode(Buffer.concat([...coded, end]), reads);
      assert.equal(error, undefined);
      assert.deepEqual(data, Buffer.concat(bodies));
      assert.ok(decoder.done);
      assert.equal(behind, 'BEHIND'.length);
      assert.equal(decoder.trailers().keys.length, lines.split('\r\n').length - 1);
    }),
  );
});

test('what is no chunked coding is an error, and what came before it is kept', () => {
  for (const bad of ['x\r\n', '-1\r\n', '\r\n', '3\nabc', '3\r\nabcd', '3\r\nabc\n', 'g\r\n', '0x3\r\n', ' 3\r\n']) {
    for (const cuts of [[], Array.from({ length: 30 }, () => 1)]) {
      const { data, error, decoder } = decode(Buffer.from(`4\r\nhalf\r\n${bad}`), cuts);
      assert.ok(error instanceof ProtocolError, JSON.stringify(bad));
      assert.equal(data.toString().slice(0, 4), 'half');
      assert.ok(!decoder.done);
    }
  }
});

test('sizes, extensions and trailers are bounded', () => {
  for (const long of [`${'f'.repeat(14)}\r\n`, `1;${'e'.repeat(5000)}`, `0\r\n${'a: b\r\n'.repeat(4000)}`]) {
    assert.ok(decode(Buffer.from(long), []).error instanceof ProtocolError, long.slice(0, 20));
    assert.ok(
      decode(
        Buffer.from(long),
        Array.from({ length: 3000 }, () => 7),
      ).error instanceof ProtocolError,
    );
  }
});
