/** The configuration of the run: a secret in every place that takes one, its files, and the environment beside it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Scope } from '../support/close-after.ts';
import type { Certificate } from '../support/self-signed-certificate.ts';
import { callerEnvironment, callerPolicies, callerRoutes } from './caller-configuration.ts';
import { PLAYER_HEADERS } from './client-secrets.ts';
import type { MountedFiles } from './mounted-files.ts';
import type { PlaceName } from './places.ts';
import { poolEnvironment, poolPolicies } from './pools.ts';
import type { Secret } from './secrets.ts';

/** Ports of everything that Sluice speaks to. */
export interface Ports {
  readonly openai: number;
  readonly anthropic: number;
  readonly vllm: number;
  readonly passing: number;
  readonly mtls: number;
  readonly egressProxy: number;
  readonly away: number;
  readonly redis: number;
  readonly collector: number;
  readonly 'pool-a': number;
  readonly 'pool-b': number;
  readonly jwks: number;
}

/** What a Sluice is started with. */
export interface Configured {
  readonly file: string;
  readonly yaml: string;
  readonly env: Readonly<Record<string, string>>;
  /** Empty, for its working directory and its temporary files: what is in there afterwards it has written. */
  readonly work: string;
}

/** Writes it all; removed after the test. */
export async function configure(
  t: Scope,
  secrets: Readonly<Record<PlaceName, Secret>>,
  ports: Ports,
  tls: { readonly ca: string; readonly client: Certificate },
  mounted: MountedFiles,
): Promise<Configured> {
  const root = await mkdtemp(join(tmpdir(), 'sluice-canary-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const work = join(root, 'work');
  await mkdir(work);
  const write = (name: string, text: string) => writeFile(join(root, name), text, { mode: 0o600 });
  await write('anthropic-key', `${secrets['key of a file'].text}\n`);
  await write('vllm-key', secrets['formless key of a file'].text);
  await write('ca.pem', tls.ca);
  await write('client.pem', tls.client.cert);
  await write('client-key.pem', tls.client.key);
  const yaml = `# ${secrets['comment in the YAML'].text}\n${stringify(document(secrets, ports, mounted))}`;
  await write('proxy.yaml', yaml);
  return { file: join(root, 'proxy.yaml'), yaml, work, env: environment(secrets, ports, work) };
}

function environment(secrets: Readonly<Record<PlaceName, Secret>>, ports: Ports, work: string): Record<string, string> {
  const { text } = secrets['password of the egress proxy'];
  return {
    OPENAI_API_KEY: secrets['key of an environment variable'].text,
    VLLM_TOKEN: secrets['formless key of an environment variable'].text,
    AWAY_KEY: secrets['key of an upstream that is away'].text,
    TEAM: secrets['header value of a variable'].text,
    REDIS_URL: `redis://sluice:${secrets['password of Redis'].text}@127.0.0.1:${ports.redis}`,
    EGRESS_PROXY: `http://sluice:${text}@127.0.0.1:${ports.egressProxy}`,
    OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${secrets['header of the collector'].text}`,
    ...poolEnvironment(secrets),
    ...callerEnvironment(secrets),
    UNUSED: secrets['variable that nobody reads'].text,
    TMPDIR: work,
  };
}

function document(secrets: Readonly<Record<PlaceName, Secret>>, ports: Ports, mounted: MountedFiles): object {
  const at = (port: number, scheme = 'http') => `${scheme}://127.0.0.1:${port}`;
  const common = {
    allow_private: true,
    timeouts: { connect: '1s', first_byte: '400ms', idle: '400ms', total: '5s' },
    pool: { connections: 16 },
  };
  const tls = { ca: { file: 'ca.pem' }, cert: { file: 'client.pem' }, key: { file: 'client-key.pem' } };
  return {
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    trusted_proxies: ['127.0.0.0/8'],
    upstreams: {
      openai: { url: at(ports.openai), dialect: 'openai', ...common },
      anthropic: { url: at(ports.anthropic), dialect: 'anthropic', ...common },
      vllm: { url: at(ports.vllm), ...common },
      passing: { url: at(ports.passing), ...common },
      mtls: { url: at(ports.mtls, 'https'), ...common, tls, egress_proxy: `\${EGRESS_PROXY}` },
      away: { url: at(ports.away), ...common },
      'pool-a': { url: at(ports['pool-a']), dialect: 'openai', ...common },
      'pool-b': { url: at(ports['pool-b']), dialect: 'anthropic', ...common },
    },
    routes: [
      ...['openai', 'anthropic', 'vllm', 'mtls', 'away', 'pool-a', 'pool-b'].map((name) => ({
        path: `/${name}`,
        upstream: name,
      })),
      { path: '/passing', upstream: 'passing', credentials: 'pass', forward_headers: PLAYER_HEADERS },
      ...callerRoutes,
    ],
    redis: { url: `\${REDIS_URL}` },
    policies: [
      ...callerPolicies(secrets, `${at(ports.jwks)}/keys`, mounted),
      ...policies(secrets),
      ...poolPolicies(mounted),
    ],
    telemetry: {
      traces: { endpoint: `${at(ports.collector)}?token=${secrets['query of the collector'].text}`, sample: 1 },
      logs: { level: 'debug' },
    },
    server: { drain: '2s' },
  };
}

function policies(secrets: Readonly<Record<PlaceName, Secret>>): object[] {
  const key = (upstream: string, source: object, header?: object) => ({
    policy: 'key-injection',
    id: `${upstream}-key`,
    when: { upstream },
    with: { keys: [source], ...(header && { header }) },
  });
  const limit = (id: string, name: string, by: string) => ({
    policy: 'request-rate',
    id,
    when: { header: { 'x-limit': name } },
    with: { limit: 1, per: '1h', key: `header:${by}` },
  });
  return [
    { policy: 'ip-access', when: { header: { 'x-refuse': 'address' } }, with: { deny: ['127.0.0.0/8'] } },
    { policy: 'body-limit', with: { max: '256KiB' } },
    { policy: 'ip-access', id: 'no-such-model', when: { model: 'forbidden-*' }, with: { deny: ['127.0.0.0/8'] } },
    { policy: 'ip-access', id: 'shadow', mode: 'shadow', when: { method: 'POST' }, with: { deny: ['127.0.0.0/8'] } },
    // Limits that count by a credential keep its hash in Redis.
    limit('by-authorization', 'authorization', 'authorization'),
    limit('by-cookie', 'cookie', 'cookie'),
    limit('by-key', 'key', 'x-api-key'),
    { policy: 'request-rate', id: 'everybody', with: { limit: 1_000_000, per: '1m', key: 'client_ip' } },
    {
      policy: 'headers',
      when: { route: '/openai' },
      with: { request: { set: { 'x-tenant': secrets['literal header value'].text, 'x-team': `\${TEAM}` } } },
    },
    key('openai', { env: 'OPENAI_API_KEY' }),
    key('anthropic', { file: 'anthropic-key' }),
    key('vllm', { file: 'vllm-key' }, { name: 'x-vllm', prefix: 'Token ' }),
    key('mtls', { env: 'VLLM_TOKEN' }, { name: 'x-vllm', prefix: '' }),
    key('away', { env: 'AWAY_KEY' }, { name: 'x-vllm', prefix: '' }),
  ];
}
