/** TLS hands over all that one read has brought, although it is told to pause after the first record. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, type TLSSocket } from 'node:tls';
import { connectRaw } from '../support/raw-client.ts';
import { selfSignedCertificate } from '../support/self-signed-certificate.ts';
import { yamlFile } from '../support/spawn-sluice.ts';
import { startProxy } from '../support/start-proxy.ts';

const piece = Buffer.alloc(64 * 1024, 97);
/** More than the kernel holds for both connections. */
const most = 64 * 1024 * 1024;

test('an upstream of small records, and a client that does not read, leave one listener behind', async (t) => {
  const warnings: string[] = [];
  const warned = ({ message }: Error) => void warnings.push(message);
  process.on('warning', warned);
  t.after(() => process.off('warning', warned));
  const heldBack = Promise.withResolvers<void>();
  let sent = 0;
  const answer = async (socket: TLSSocket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${most}\r\n\r\n`);
    for (; sent < most; sent += piece.length) {
      if (socket.write(piece)) continue;
      const drained = await Promise.race([once(socket, 'drain'), sleep(500).then(() => undefined)]);
      if (drained !== undefined) continue;
      heldBack.resolve();
      await once(socket, 'drain');
    }
    heldBack.resolve();
  };
  const certificate = selfSignedCertificate();
  const server = createServer({ ...certificate }, (socket) => {
    socket.on('error', () => {});
    // The smallest that Node can be told to send.
    socket.setMaxSendFragment(512);
    socket.once('data', () => void answer(socket).catch(() => undefined));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const ca = { file: await yamlFile(certificate.cert, { t }) };
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = await startProxy({ upstream: url, upstreamOptions: { tls: { ca } } }, { t });
  const client = await connectRaw(proxy.url, { t });
  client.pause();
  await client.send('GET /openai/x HTTP/1.1\r\nhost: x\r\n\r\n');
  await heldBack.promise;
  assert.ok(sent < most, 'it is held back');
  client.resume();
  const response = await client.response();
  assert.ok(response.complete);
  assert.equal(response.body.length, most);
  assert.deepEqual(warnings, []);
});
