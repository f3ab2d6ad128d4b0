/** Reaches an upstream through an HTTP proxy by CONNECT (RFC 9110 §9.3.6), unless NO_PROXY names it. */
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { percentDecoded } from '../http/percent-decoded.ts';
import { rememberSecret } from '../telemetry/known-secrets.ts';
import type { SocketTarget } from './open-socket.ts';

/** Opens a tunnel; calls back once, unless what it returns was destroyed before. */
export function openTunnel(
  proxy: URL,
  target: SocketTarget,
  callback: (error: Error | undefined, tunnel: Socket | undefined) => void,
): { destroy(): unknown } {
  const port = target.port || (target.protocol === 'https:' ? '443' : '80');
  const host = target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname;
  const authority = `${host}:${port}`;
  const headers: Record<string, string> = { host: authority };
  if (proxy.username !== '') {
    const userinfo = `${percentDecoded(proxy.username)}:${percentDecoded(proxy.password)}`;
    const encoded = Buffer.from(userinfo).toString('base64');
    rememberSecret(userinfo.slice(userinfo.indexOf(':') + 1));
    rememberSecret(encoded);
    headers['proxy-authorization'] = `Basic ${encoded}`;
  }
  const connect = request({
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port || 80,
    method: 'CONNECT',
    path: authority,
    headers,
    agent: false,
  });
  connect.once('connect', (response, socket, head) => {
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) {
      if (head.length > 0) socket.unshift(head);
      callback(undefined, socket as Socket);
      return;
    }
    socket.destroy();
    callback(new Error(`the egress proxy answered ${response.statusCode ?? 0}`), undefined);
  });
  connect.once('response', (response) => {
    response.resume();
    connect.destroy();
    callback(new Error(`the egress proxy answered ${response.statusCode ?? 0}`), undefined);
  });
  connect.once('error', (error) => callback(error, undefined));
  connect.end();
  return connect;
}

/** Whether NO_PROXY (comma-separated hosts and domain suffixes, or `*`) exempts a host from the egress proxy. */
export function exemptFromProxy(hostname: string, noProxy: string | undefined): boolean {
  const host = hostname.toLowerCase();
  return (noProxy ?? '')
    .split(/[\s,]+/)
    .filter((item) => item !== '')
    .some((item) => {
      const suffix = item
        .toLowerCase()
        // A port belongs to a name, an IPv4 address or brackets; the last group of an IPv6 address is none.
        .replace(/^([^:]*|\[[^\]]*\]):\d+$/, '$1')
        .replace(/^\[(.*)\]$/, '$1')
        .replace(/^\*?\./, '');
      return item === '*' || host === suffix || host.endsWith(`.${suffix}`);
    });
}
