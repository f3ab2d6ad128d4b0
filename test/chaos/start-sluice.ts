/** Sluice as the chaos sees it: seven upstreams that are fakes, the test's policies around those of the catalogue. */

import type { Scope } from '../support/close-after.ts';
import { type Proxy as Sluice, startProxy } from '../support/start-proxy.ts';
import { bodyLimit, replayBytes } from './expected.ts';
import { drainMs } from './oracle.ts';
import type { Probes } from './probes.ts';
import { providerKey } from './request-head.ts';
import type { UpstreamName } from './script.ts';

/** Starts it. */
export function startSluice(urls: Readonly<Record<UpstreamName, string>>, probes: Probes, t: Scope): Promise<Sluice> {
  const names = Object.keys(urls) as UpstreamName[];
  const dialects = { openai: 'openai', anthropic: 'anthropic', none: 'none', drained: 'none' } as Record<
    string,
    string
  >;
  return startProxy(
    JSON.stringify({
      // Node accepts one connection of each listener in a turn of its loop.
      listen: Array.from({ length: 8 }, (_, i) => `127.0.0.${i + 1}:0`),
      admin: '127.0.0.1:0',
      upstreams: Object.fromEntries(
        names.map((name) => [
          name,
          {
            url: urls[name],
            dialect: dialects[name] ?? 'openai',
            allow_private: true,
            timeouts: { connect: '5s', first_byte: '2500ms', idle: '2500ms', total: '15s' },
            pool: { connections: 150, queue: 4000 },
          },
        ]),
      ),
      routes: names.map((name) => ({
        path: `/${name}`,
        upstream: name,
        ...(name === 'drained'
          ? { on_client_abort: { drain: { max_seconds: drainMs / 1000, max_bytes: 50_000 } } }
          : {}),
      })),
      policies: [
        { policy: 'chaos-first' },
        { policy: 'body-limit', with: { max: bodyLimit } },
        { policy: 'request-rate', with: { limit: 10, per: '1s', key: 'header:x-player' } },
        { policy: 'chaos-middle' },
        ...names.map((name) => ({
          policy: 'key-injection',
          id: `key-${name}`,
          when: { upstream: name },
          with: { keys: [{ env: 'CHAOS_KEY' }] },
        })),
        { policy: 'chaos-last' },
      ],
      server: { replay_bytes: replayBytes },
      telemetry: { logs: { level: 'warn' } },
    }),
    { t, env: { CHAOS_KEY: providerKey }, policies: probes.policies },
  );
}
