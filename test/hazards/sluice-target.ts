/** Sluice as a hazard's target: as shipped, with the one route and the key that hazards expect. */
import type { Scope } from '../support/close-after.ts';
import { startProxy } from '../support/start-proxy.ts';
import { providerKey, type Target, type TargetOptions } from './hazard.ts';

const injection = {
  policy: 'key-injection',
  when: { upstream: 'none' },
  with: { keys: [{ env: 'KEY' }], header: { name: 'authorization', prefix: 'Bearer ' } },
};

/** A Sluice in this process for each hazard. */
export function sluice(scope: Scope): Target {
  return {
    name: 'Sluice',
    scope,
    async start(upstream, options = {}) {
      const proxy = await startProxy(
        {
          upstream: `${upstream}/v1`,
          dialect: 'none',
          route: '/v1',
          upstreamOptions: upstreamOptions(options),
          policies: [injection],
          extra: options.maxHeaderBytes === undefined ? {} : { server: { max_header_bytes: options.maxHeaderBytes } },
        },
        { t: scope, env: { KEY: providerKey.slice('Bearer '.length) } },
      );
      return proxy.url;
    },
  };
}

function upstreamOptions({ connectMs, firstByteMs, idleMs, connections }: TargetOptions): object {
  const duration = (ms: number | undefined) => (ms === undefined ? undefined : `${ms}ms`);
  const timeouts = { connect: duration(connectMs), first_byte: duration(firstByteMs), idle: duration(idleMs) };
  const set = Object.entries(timeouts).filter(([, value]) => value !== undefined);
  return {
    timeouts: Object.fromEntries(set),
    ...(connections === undefined ? {} : { pool: { connections } }),
  };
}
