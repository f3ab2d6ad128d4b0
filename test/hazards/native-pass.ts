/**
 * A proxy as a user of http-proxy-3 sets it up: its native pass, a keep-alive agent, the key set in `proxyReq`, errors
 * answered. It runs in a process of its own, since some hazards end it; it prints its port when it listens.
 */
import { Agent, createServer, type ServerResponse } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createProxyServer } from 'http-proxy-3';

interface Settings {
  readonly target: string;
  readonly key: string;
  readonly proxyTimeout?: number;
  readonly connectTimeout?: number;
  readonly connections?: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
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

const server = createServer((req, res) => proxy.web(req, res));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
