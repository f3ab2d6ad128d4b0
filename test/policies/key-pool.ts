/** A Sluice with a pool of keys in front of a provider that answers each key as the test says. */
import type { TestContext } from 'node:test';
import { type Provider, type ProviderOverride, startProvider } from '../support/fake-provider.ts';
import { type Proxy as Sluice, startProxy } from '../support/start-proxy.ts';

/** What {@link startPool} started. */
export interface Pool {
  readonly provider: Provider;
  readonly proxy: Sluice;
  /** By a key's name: how the provider answers it; as usual where nothing is said. */
  readonly answers: Map<string, ProviderOverride>;
  /** Names of the keys in the order in which the provider saw them. */
  seen(): string[];
  /** One request; its body is small. */
  ask(body?: string): Promise<Response>;
  /** `name.generation value` of each series of a key metric. */
  series(metric: 'sluice_key_state' | 'sluice_key_uses_total'): Promise<string[]>;
  /** The log lines about keys, without the access log. */
  told(): { readonly msg: unknown; readonly key_id: unknown }[];
  /** The YAML options, to reload with. */
  config(keys: readonly string[], more?: object): Parameters<Sluice['reload']>[0];
}

/** The value of a key: a canary that must be seen by the provider only. */
export const keyNamed = (name: string) => `canary-sk-${name}`;

/** Starts both; `names` become keys from the environment. */
export async function startPool(
  t: TestContext,
  names: readonly string[],
  more: { readonly with?: object; readonly extra?: object; readonly handle?: object; readonly dialect?: string } = {},
): Promise<Pool> {
  const answers: Pool['answers'] = new Map();
  const nameOf = (rawHeaders: readonly string[]) => /canary-sk-(\w+)/.exec(rawHeaders.join(' '))?.[1] ?? 'none';
  const provider = await startProvider({
    t,
    override: (request) => answers.get(nameOf(request.rawHeaders)),
    ...more.handle,
  });
  const env = Object.fromEntries(names.map((name) => [name.toUpperCase(), keyNamed(name)]));
  const config: Pool['config'] = (listed, options = more.with) => ({
    upstream: provider.url,
    dialect: more.dialect ?? 'openai',
    policies: [
      {
        policy: 'key-injection',
        with: { keys: listed.map((name) => ({ env: name.toUpperCase(), name })), ...options },
      },
    ],
    ...(more.extra === undefined ? {} : { extra: more.extra }),
  });
  const proxy = await startProxy(config(names), { t, env });
  return {
    provider,
    proxy,
    answers,
    config,
    seen: () => provider.requests.map(({ rawHeaders }) => nameOf(rawHeaders)),
    ask: (body = '{"model":"gpt-4o","messages":[]}') =>
      fetch(`${proxy.url}/${more.dialect ?? 'openai'}/v1/chat/completions`, { method: 'POST', body }),
    series: async (metric) => {
      const lines = (await proxy.metrics()).matchAll(new RegExp(`^${metric}\\{.*key_id="([^"]+)"\\} (.+)$`, 'gm'));
      return [...lines].map(([, id, value]) => `${id} ${value}`);
    },
    told: () =>
      proxy.logs
        .filter(({ msg, key_id }) => key_id !== undefined && msg !== 'exchange')
        .map(({ msg, key_id }) => ({ msg, key_id })),
  };
}
