/** A Sluice with `concurrency` before an upstream that answers when the test says so and counts what runs at once. */
import type { TestContext } from 'node:test';
import type { Policy } from '../../src/policy.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { type RawExchange, type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { type Proxy as Sluice, startProxy } from '../support/start-proxy.ts';

/** What {@link startHeld} started. */
export interface Held {
  readonly proxy: Sluice;
  readonly upstream: RawUpstream;
  /** Sends a request on a connection of its own. */
  ask(headers?: Readonly<Record<string, string>>, path?: string): Promise<RawClient>;
  /** Sends one and waits until it has reached the upstream. */
  run(headers?: Readonly<Record<string, string>>): Promise<{ client: RawClient; exchange: RawExchange }>;
  /** Waits until the gauges of the policy say so. */
  gauges(want: { inUse?: number; waiting?: number }, policy?: string): Promise<void>;
}

/** Options of {@link startHeld}. */
export interface HeldOptions {
  readonly entry?: object;
  /** Further entries, before and behind. */
  readonly before?: readonly object[];
  readonly behind?: readonly object[];
  readonly policies?: readonly Policy[];
  readonly routeOptions?: object;
  readonly extra?: object;
}

export function configOf(upstream: string, settings: object, options: HeldOptions = {}) {
  const entry = { policy: 'concurrency', with: { key: 'global', ...settings }, ...options.entry };
  return {
    upstream,
    policies: [...(options.before ?? []), entry, ...(options.behind ?? [])],
    ...(options.routeOptions === undefined ? {} : { routeOptions: options.routeOptions }),
    ...(options.extra === undefined ? {} : { extra: options.extra }),
  };
}

export async function startHeld(t: TestContext, settings: object, options: HeldOptions = {}): Promise<Held> {
  const upstream = await startRawUpstream(() => {}, { t });
  const more = options.policies === undefined ? {} : { policies: options.policies };
  const proxy = await startProxy(configOf(upstream.url, settings, options), { t, ...more });
  const ask: Held['ask'] = async (headers = {}, path = '/openai/x') => {
    const client = await connectRaw(proxy.url, { t });
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    await client.send(`GET ${path} HTTP/1.1\r\nhost: x\r\n${lines.join('')}\r\n`);
    return client;
  };
  return {
    proxy,
    upstream,
    ask,
    run: async (headers) => {
      const client = await ask(headers);
      return { client, exchange: await upstream.nextExchange() };
    },
    gauges: async (want, policy = 'concurrency') => {
      const lines = [
        ...(want.inUse === undefined ? [] : [`sluice_concurrency_in_use{policy="${policy}"} ${want.inUse}`]),
        ...(want.waiting === undefined ? [] : [`sluice_concurrency_waiting{policy="${policy}"} ${want.waiting}`]),
      ];
      for (const patience = performance.now() + 5000; ; ) {
        const text = await proxy.metrics();
        if (lines.every((line) => text.split('\n').includes(line))) return;
        if (performance.now() > patience) {
          throw new Error(`never ${lines.join()}: ${text.match(/^sluice_concurrency.*/gm)?.join('\n')}`);
        }
      }
    },
  };
}

/** Answers a whole response. */
export function answer(exchange: RawExchange, body = 'ok'): Promise<boolean> {
  return exchange.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
}

/** The JSON of a response's body. */
export function problemOf(body: Buffer): {
  code?: string;
  policy?: string;
  detail?: string;
  error?: { code?: string };
} {
  return JSON.parse(body.toString());
}
