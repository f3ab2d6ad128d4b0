/** What an operator wants to see at start, in one line of the log. */
import type { AddressInfo } from 'node:net';
import type { App } from './app.ts';

/** Listeners, routes, policies in order, limit store, tracing. */
export function summaryOf(app: App): object {
  const { config } = app;
  return {
    listen: app.proxyAddresses.map(urlOf),
    admin: app.adminAddresses.map(urlOf),
    routes: config.routes.map(
      (route) => `${route.path} → ${route.upstream} (${hostOf(config.upstreams[route.upstream]?.url)})`,
    ),
    policies: config.policies.map((entry) => {
      if (!entry.enabled) return `${entry.id} (disabled)`;
      return entry.mode === 'shadow' ? `${entry.id} (shadow)` : entry.id;
    }),
    limits: { ok: 'shared through Redis', degraded: 'Redis does not answer; per process', off: 'per process' }[
      app.limits.state()
    ],
    tracing: app.tracing === undefined ? 'off' : `OTLP, ${config.telemetry.traces.sample * 100} % of new traces`,
  };
}

function urlOf(address: AddressInfo): string {
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}

function hostOf(url: string | undefined): string {
  return url === undefined ? '?' : new URL(url).host;
}
