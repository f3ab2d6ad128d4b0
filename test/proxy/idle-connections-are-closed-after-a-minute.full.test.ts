import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { startProxy } from '../support/start-proxy.ts';

const request = (path: string) => `GET /openai${path} HTTP/1.1\r\nHost: game\r\n\r\n`;

test('a connection that brings nothing more for 65 s is closed; one that does, waits for its answer or is a WebSocket is not', async (t) => {
  const http = createServer((req, res) => {
    if (req.url === '/slow') setTimeout(() => res.end('ok'), 80_000);
    else res.end('ok');
  });
  const sockets = new WebSocketServer({ server: http });
  // Only the upstream says something; a WebSocket on which nobody does is ended by the upstream's `idle`.
  sockets.on('connection', (socket) => {
    const saying = setInterval(() => socket.send('still here'), 5000);
    socket.on('close', () => clearInterval(saying));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.closeAllConnections();
    http.close();
  });
  const upstream = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const proxy = await startProxy({ upstream }, { t });
  const { port } = new URL(proxy.url);
  const startedAt = performance.now();
  const closedAfter = new Map<string, number>();
  const open = async (name: string, text: string): Promise<Socket> => {
    const socket = connect(Number(port), '127.0.0.1').resume();
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    socket.on('error', () => undefined).on('close', () => closedAfter.set(name, performance.now() - startedAt));
    socket.write(text);
    return socket;
  };
  await open('idle', request('/v1'));
  await open('slow', request('/slow'));
  const busy = await open('busy', request('/v1'));
  const ws = new WebSocket(`${proxy.url.replace('http', 'ws')}/openai/v1/realtime`);
  await once(ws, 'open');
  ws.on('close', () => closedAfter.set('WebSocket', performance.now() - startedAt));
  await wait(40_000);
  busy.write(request('/v1'));
  await wait(36_000);
  assert.deepEqual([...closedAfter.keys()], ['idle']);
  const after = closedAfter.get('idle') ?? 0;
  assert.ok(after >= 65_000 && after < 75_500, `after ${after} ms`);
  ws.terminate();
});
