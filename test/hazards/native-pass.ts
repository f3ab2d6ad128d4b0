/**
 * A proxy as a user of http-proxy-3 sets it up: its native pass, a keep-alive agent, the key set in `proxyReq`, errors
 * answered. It runs in a process of its own, since some hazards end it. Each message from the parent starts one more
 * proxy and is answered with its port.
 */
import { Agent, createServer, type ServerResponse } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createProxyServer } from 'http-proxy-3';

/** What the parent asks for. */
export interface NativeSettings {
  readonly target: string;
  readonly key: string;
  readonly proxyTimeout?: number;
  readonly connectTimeout?: number;
  readonly connections?: number;
  readonly maxHeaderBytes?: number;
}

process.on('message', (settings: NativeSettings) => {
  const limits = { keepAlive: true, maxSockets: settings.connections ?? 512 };
  const agent = settings.target.startsWith('https:') ? new SecureAgent(limits) : new Agent(limits);
  const proxy = createProxyServer({
    target: settings.target,
    agent,
    changeOrigin: true,
    secure: false,
    ...(settings.proxyTimeout === undefined ? {} : { proxyTimeout: settings.proxyTimeout }),
    ...(settings.connectTimeout === undefined ? {} : { connectTimeout: settings.connectTimeout }),
  });
  proxy.on('proxyReq', (proxyReq) => {
    proxyReq.setHeader('authorization', settings.key);
  });
  proxy.on('error', (_error, _req, res) => {
    if ('writeHead' in res && !(res as ServerResponse).headersSent) (res as ServerResponse).writeHead(502).end();
    else res.destroy();
  });
  const maxHeaderSize = settings.maxHeaderBytes ?? 16 * 1024;
  const server = createServer({ maxHeaderSize }, (req, res) => proxy.web(req, res));
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
});
