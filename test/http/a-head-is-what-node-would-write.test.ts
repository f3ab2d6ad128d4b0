import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { HeaderList } from '../../src/http/headers.ts';
import { announceKeepAlive, sendWithHead, writeHead } from '../../src/http/response-head.ts';

type Write = (res: ServerResponse, status: number, phrase: string, headers: HeaderList) => void;

const byNode: Write = (res, status, phrase, headers) => void res.writeHead(status, phrase, headers.flat);

const date = ['Date', 'Sat, 28 Nov 2026 00:00:00 GMT'];
const requests = {
  'HTTP/1.1': 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'HTTP/1.1, close': 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'HTTP/1.0': 'GET / HTTP/1.0\r\n\r\n',
  'HTTP/1.0, keep-alive': 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  HEAD: 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n',
  'expects a 100': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok',
};
const heads: [number, string, string[]][] = [
  [200, 'OK', [...date, 'Content-Type', 'text/plain', 'Content-Length', '2', 'X-A', '1', 'x-a', '2']],
  [200, 'Fine', [...date, 'Content-Type', 'text/event-stream']],
  [404, 'Not Found', [...date, 'content-length', '0']],
  [500, 'Oh', [...date, 'X-Umlaut', 'gr\xfc\xdf', 'content-length', '2']],
  [204, 'No Content', [...date]],
  [304, 'Not Modified', [...date, 'content-length', '2']],
  [200, 'OK', [...date, 'connection', 'close', 'content-length', '2']],
];

/** What a client of this request reads, with the fields in an order of their own and their names in lower case. */
async function read(request: string, write: Write, [status, phrase, flat]: (typeof heads)[number]): Promise<string> {
  const server = createServer((_req, res) => {
    announceKeepAlive(res, 7000);
    const headers = new HeaderList([...flat]);
    write(res, status, phrase, headers);
    const text = res.chunkedEncoding ? 'gr\xfc\xdf' : 'ok';
    const empty =
      headers.get('content-length') === '0' || res.req.method === 'HEAD' || status === 204 || status === 304;
    if (!empty && write === byNode) res.write(text, 'latin1');
    else if (!empty) sendWithHead(res, Buffer.from(text, 'latin1'));
    res.end();
  });
  server.on('checkContinue', (req, res) => server.emit('request', req, res));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(request);
  let text = '';
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
  });
  // Where the connection is kept it would stay open.
  server.keepAliveTimeout = 1;
  server.keepAliveTimeoutBuffer = 30;
  await once(socket, 'close');
  server.close();
  const end = text.indexOf('\r\n\r\n');
  const [first, ...lines] = text.slice(0, end).split('\r\n');
  const fields = lines.map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase())).sort();
  return [first, ...fields, text.slice(end)].join('\r\n');
}

test('a head that Node is given as one text is the one that it writes itself, field by field', async () => {
  for (const [kind, request] of Object.entries(requests)) {
    for (const head of heads) {
      const expected = await read(request, byNode, head);
      assert.equal(await read(request, writeHead, head), expected, `${kind}: ${JSON.stringify(head)}`);
    }
  }
});

test('a length is written anew: another reader could take 010 for another number', async () => {
  const text = await read(requests['HTTP/1.1'], writeHead, [200, 'OK', ['content-length', '02']]);
  assert.match(text, /\r\ncontent-length: 2\r\n/);
});

test('a date is added where there is none', async () => {
  const text = await read(requests['HTTP/1.1'], writeHead, [200, 'OK', ['content-length', '2']]);
  assert.match(text, /\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
});

test('the framing that a policy sets, which Node minds, is left to Node', async () => {
  const head: (typeof heads)[number] = [200, 'OK', [...date, 'transfer-encoding', 'chunked']];
  assert.equal(await read(requests['HTTP/1.1'], writeHead, head), await read(requests['HTTP/1.1'], byNode, head));
});
