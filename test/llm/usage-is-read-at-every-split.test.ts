import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cases } from './cases.ts';
import { assertReport, halves, read, singles } from './reading.ts';

for (const one of cases) {
  test(`${one.name}: the usage sent is read at every split`, () => {
    const { dialect, head, bytes } = one;
    assertReport(read(dialect, head, [bytes]), one, 'in one piece');
    assertReport(
      read(
        dialect,
        head,
        one.pieces.map((piece) => Buffer.from(piece)),
      ),
      one,
      'an event a piece',
    );
    assertReport(read(dialect, head, singles(bytes)), one, 'byte by byte');
    for (let at = 1; at < bytes.length; at++) {
      assertReport(read(dialect, head, halves(bytes, at)), one, `split at ${at}`);
    }
  });
}

/** Other ways to write the same events. */
const spellings: readonly (readonly [string, (text: string) => string])[] = [
  ['CR LF', (text) => text.replaceAll(/\r?\n/g, '\r\n')],
  ['LF', (text) => text.replaceAll(/\r?\n/g, '\n')],
  ['CR', (text) => text.replaceAll(/\r?\n/g, '\r')],
  ['a byte order mark', (text) => `\uFEFF${text}`],
  ['no space after the colon', (text) => text.replaceAll(/^(data|event): /gm, '$1:')],
  [
    'comments, ids and retries in between',
    (text) => text.replaceAll(/^data/gm, ': note\nid: 4\nretry: 9\nother\ndata'),
  ],
  ['data over several lines', (text) => text.replaceAll(/^data: (\{.*?),"/gm, 'data: $1,\ndata: "')],
  [
    'data over several lines that end in CR LF',
    (text) => text.replaceAll(/^data: (\{.*?),"/gm, 'data: $1,\ndata: "').replaceAll(/\r?\n/g, '\r\n'),
  ],
  ['no end of the last line', (text) => text.trimEnd()],
];

for (const [spelling, rewrite] of spellings) {
  test(`streams with ${spelling} are read the same`, () => {
    const streams = cases.filter(({ head }) => head.contentType?.startsWith('text/event-stream'));
    assert.ok(streams.length > 8);
    for (const one of streams) {
      const bytes = Buffer.from(rewrite(one.pieces.join('')));
      const { dialect, head } = one;
      assertReport(read(dialect, head, [bytes]), one, spelling);
      assertReport(read(dialect, head, singles(bytes)), one, `${spelling}, byte by byte`);
      for (let at = 1; at < bytes.length; at += 3)
        assertReport(read(dialect, head, halves(bytes, at)), one, `at ${at}`);
    }
  });
}

test('lines of JSON end in LF or CR LF, and the last one needs no end', () => {
  for (const one of cases.filter(({ head }) => head.contentType === 'application/x-ndjson')) {
    const text = one.pieces.join('');
    for (const bytes of [text.replaceAll('\n', '\r\n'), text.trimEnd(), `\n\n${text}\n`].map((t) => Buffer.from(t))) {
      assertReport(read(one.dialect, one.head, [bytes]), one, 'in one piece');
      assertReport(read(one.dialect, one.head, singles(bytes)), one, 'byte by byte');
    }
  }
});
