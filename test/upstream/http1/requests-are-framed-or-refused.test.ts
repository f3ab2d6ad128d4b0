import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { HeaderLines } from '../../../src/http/headers.ts';
import { ProtocolError } from '../../../src/upstream/http1/protocol-error.ts';
import { type RequestMessage, requestHead } from '../../../src/upstream/http1/request-head.ts';

function head(body: RequestMessage['body'], flat: string[] = [], path = '/v1/x?y', method = 'POST'): string {
  return requestHead(
    { method, path, headers: new HeaderLines(flat), body },
    'host: h\r\n',
    'connection: keep-alive\r\n',
  );
}

test('a head says how its body is framed, once', () => {
  const start = 'POST /v1/x?y HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\n';
  assert.equal(head(null), `${start}\r\n`);
  assert.equal(head(null, ['Content-Length', '0']), `${start}content-length: 0\r\n\r\n`);
  assert.equal(head(Buffer.from('abc')), `${start}content-length: 3\r\n\r\n`);
  assert.equal(
    head(Buffer.from('abc'), ['Content-Length', '3', 'A', 'b']),
    `${start}A: b\r\ncontent-length: 3\r\n\r\n`,
  );
  assert.equal(head(new Readable(), ['content-length', '7']), `${start}content-length: 7\r\n\r\n`);
  assert.equal(head(new Readable(), ['content-length', '007']), `${start}content-length: 7\r\n\r\n`);
  assert.equal(head(null, ['content-length', '00']), `${start}content-length: 0\r\n\r\n`);
  assert.equal(head(new Readable()), `${start}transfer-encoding: chunked\r\n\r\n`);
  const hosted = 'POST /v1/x?y HTTP/1.1\r\nconnection: keep-alive\r\nHost: other\r\n\r\n';
  assert.equal(head(null, ['Host', 'other']), hosted);
});

test('what would be read in another way than it is meant is not sent', () => {
  for (const name of ['Transfer-Encoding', 'connection', 'Upgrade', 'TE', 'trailer', 'Expect', 'keep-alive']) {
    assert.throws(() => head(null, [name, 'x']), ProtocolError, name);
  }
  for (const path of ['', '/a b', '/a\r\nb', '/a\tb', '/\u0100'])
    assert.throws(() => head(null, [], path), ProtocolError);
  assert.throws(() => head(Buffer.from('abc'), ['content-length', '4']), ProtocolError);
  assert.throws(() => head(null, ['content-length', '4']), ProtocolError);
  assert.throws(() => head(new Readable(), ['content-length', '4', 'content-length', '4']), ProtocolError);
});
