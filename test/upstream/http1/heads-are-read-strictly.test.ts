import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyLength, keptFor } from '../../../src/upstream/http1/body-length.ts';
import { ProtocolError } from '../../../src/upstream/http1/protocol-error.ts';
import { checkBeginning, parseHead } from '../../../src/upstream/http1/response-head.ts';

const head = (...lines: string[]) => parseHead(lines.map((line) => `${line}\r\n`).join(''));

test('a head is taken apart as it came: case, order, repeated names, bytes beyond ASCII', () => {
  const { status, reason, minor, headers } = head(
    'HTTP/1.1 200 Fine \xe9',
    'X-A: 1',
    'x-a:\t2 \t',
    'Empty:',
    'V: \xff: x',
  );
  assert.deepEqual([status, reason, minor], [200, 'Fine \xe9', 1]);
  assert.deepEqual(headers.flat, ['X-A', '1', 'x-a', '2', 'Empty', '', 'V', '\xff: x']);
  assert.deepEqual(headers.keys, ['x-a', 'x-a', 'empty', 'v']);
  assert.equal(head('HTTP/1.0 404').reason, '');
});

test('what two readers could understand in two ways is refused', () => {
  const lines = [
    ['HTTP/2 200'],
    ['HTTP/1.1 099 x'],
    ['HTTP/1.1 20 x'],
    ['HTTP/1.1 2000 x'],
    ['http/1.1 200 x'],
    ['HTTP/1.1  200 x'],
    ['HTTP/1.1 200 x', 'a b: c'],
    ['HTTP/1.1 200 x', 'a : c'],
    ['HTTP/1.1 200 x', ': c'],
    ['HTTP/1.1 200 x', 'no colon'],
    ['HTTP/1.1 200 x', 'a: b', ' folded'],
    ['HTTP/1.1 200 x', 'a: b\0c'],
    ['HTTP/1.1 200 x', 'a: b\nc: d'],
    ['HTTP/1.1 200 x', 'a: b\rc: d'],
    ['HTTP/1.1 200 x\x7f'],
    [''],
  ];
  for (const one of lines) assert.throws(() => head(...one), ProtocolError, JSON.stringify(one));
});

test('the beginning of a head is believed only while it can become one', () => {
  const whole = 'HTTP/1.1 200 OK';
  for (let length = 0; length <= whole.length; length++) checkBeginning(whole.slice(0, length));
  checkBeginning(`${whole}\r`);
  checkBeginning(`${whole}\r\na:`);
  for (const text of ['G', 'HTTP/2', 'HTTP/1.1 x', 'SSH-2.0', 'HTTP/1.1 2\r\n', '\r\n']) {
    assert.throws(() => checkBeginning(text), ProtocolError, JSON.stringify(text));
  }
});

test('the end of a body is told in one way', () => {
  const length = (method: string, ...lines: string[]) => bodyLength(head('HTTP/1.1 200 x', ...lines), method);
  assert.equal(length('GET', 'content-length: 12'), 12);
  assert.equal(length('GET', 'transfer-encoding: Chunked'), 'chunked');
  assert.equal(length('GET'), 'until-close');
  assert.equal(length('HEAD', 'content-length: 12'), 0);
  assert.equal(bodyLength(head('HTTP/1.1 204 x'), 'GET'), 0);
  assert.equal(bodyLength(head('HTTP/1.1 304 x', 'content-length: 5'), 'GET'), 0);
  for (const lines of [
    ['content-length: 5', 'transfer-encoding: chunked'],
    ['content-length: 5', 'content-length: 5'],
    ['content-length: 5, 5'],
    ['content-length: +5'],
    ['content-length: 5x'],
    ['content-length:'],
    ['content-length: 99999999999999999999'],
    ['transfer-encoding: gzip, chunked'],
    ['transfer-encoding: chunked', 'transfer-encoding: chunked'],
  ]) {
    assert.throws(() => length('GET', ...lines), ProtocolError, lines.join());
  }
  assert.throws(() => bodyLength(head('HTTP/1.0 200 x', 'transfer-encoding: chunked'), 'GET'), ProtocolError);
});

test('a 204 that announces a body keeps no connection: what it sends would be taken for the next answer', () => {
  const kept = (...lines: string[]) => keptFor(head('HTTP/1.1 204 x', ...lines), 30_000);
  assert.equal(kept(), 30_000);
  assert.equal(kept('content-length: 0'), 30_000);
  assert.equal(kept('content-length: 5'), 0);
  assert.equal(kept('transfer-encoding: chunked'), 0);
});

test('a connection is kept as long as its server says, less a margin', () => {
  const kept = (version: string, ...lines: string[]) => keptFor(head(`HTTP/${version} 200 x`, ...lines), 30_000);
  assert.equal(kept('1.1'), 30_000);
  assert.equal(kept('1.1', 'connection: close'), 0);
  assert.equal(kept('1.1', 'connection: x, Close'), 0);
  assert.equal(kept('1.1', 'connection: keep-alive', 'keep-alive: timeout=5, max=10'), 3000);
  assert.equal(kept('1.1', 'keep-alive: timeout=2'), 0);
  assert.equal(kept('1.1', 'keep-alive: timeout=999999'), 30_000);
  assert.equal(kept('1.0'), 0);
  assert.equal(kept('1.0', 'connection: Keep-Alive'), 30_000);
});
