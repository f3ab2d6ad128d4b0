import type { AddressInfo } from 'node:net';
import { policies } from '../../policies/index.ts';
import { type App, ConfigProblems, createApp } from '../../src/app.ts';
import type { Policy } from '../../src/policy.ts';
import { closeAfter, type Scope } from './close-after.ts';
import { type LogLine, LogLines } from './log-lines.ts';
import { type ProxyYamlOptions, proxyYaml } from './proxy-yaml.ts';

export { proxyYaml } from './proxy-yaml.ts';

/** What the app is started with besides its YAML. */
export interface StartProxyOptions {
  readonly t?: Scope;
  /** What `${VAR}` and `{ env: VAR }` see; nothing of the test's own environment by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Policies besides those of the catalogue, e.g. one of the test's own. */
  readonly policies?: readonly Policy[];
}

/** A Sluice that is listening, in this process. */
export interface Proxy {
  /** Of the first listener, without a slash at its end. */
  readonly url: string;
  readonly adminUrl: string;
  readonly app: App;
  /** Every log line so far. */
  readonly logs: readonly LogLine[];
  /** The first log line that matches, past or future. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** The text of `/metrics`. */
  metrics(): Promise<string>;
  /** Reloads with another configuration; throws when it is refused. */
  reload(config: string | ProxyYamlOptions): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts Sluice from YAML text (or from the options of {@link proxyYaml}) on the ports that it names, port 0 for free
 * ones; closed after the test. Throws `ConfigProblems` when the configuration is bad.
 */
export async function startProxy(config: string | ProxyYamlOptions, options: StartProxyOptions = {}): Promise<Proxy> {
  let yaml = textOf(config);
  const registry = new Map(policies);
  for (const policy of options.policies ?? []) registry.set(policy.name, policy);
  const log = new LogLines();
  const app = await createApp({
    get yaml() {
      return yaml;
    },
    policies: registry,
    env: { ...options.env },
    log: { destination: log },
  });
  const close = () => app.close({ drainMs: 0 });
  closeAfter(options.t, close);
  await app.listen();
  const adminUrl = urlOf(app.adminAddresses[0]);
  return {
    url: urlOf(app.proxyAddresses[0]),
    adminUrl,
    app,
    logs: log.lines,
    logged: (matches) => log.waitFor(matches),
    metrics: async () => (await fetch(`${adminUrl}/metrics`)).text(),
    reload: async (next) => {
      yaml = textOf(next);
      const { ok, problems } = await app.reload();
      if (!ok) throw new ConfigProblems(problems);
    },
    close,
  };
}

function textOf(config: string | ProxyYamlOptions): string {
  return typeof config === 'string' ? config : proxyYaml(config);
}

function urlOf(address: AddressInfo | undefined): string {
  if (address === undefined) throw new Error('the app listens nowhere');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
