/** Sluice as it is shipped, its bundle started as the image starts it, with more and more switched on. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import packageJson from '../../../package.json' with { type: 'json' };
import { freePort } from '../../support/free-port.ts';
import { proxyYaml } from '../../support/proxy-yaml.ts';
import type { Contender } from './contender.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const dist = join(root, 'dist');
const bundle = join(dist, 'sluice.js');

/** What is switched on. */
export interface SluiceSetting {
  readonly policies?: readonly object[];
  readonly telemetry?: object;
  readonly redis?: string;
  /** Default none: usage is not read. */
  readonly dialect?: string;
  /** Further routes than the one that is used, which stays the last. */
  readonly routes?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** From source, for what does not work with a bundle. */
  readonly fromSource?: boolean;
}

/** The default pipeline of the bench: what a game server in a pod has. The limit is never reached. */
export const defaultPipeline = (upstream: string): readonly object[] => [
  { policy: 'ip-access', with: { allow: ['127.0.0.0/8', '::1/128'] } },
  {
    policy: 'request-rate',
    with: { limit: 100_000_000, per: '1m', key: 'header:x-player-id', missing: 'client_ip' },
  },
  {
    policy: 'key-injection',
    when: { upstream },
    with: { header: { name: 'authorization', prefix: 'Bearer ' }, keys: [{ env: 'BENCH_KEY' }] },
  },
  {
    policy: 'headers',
    with: { request: { set: { 'openai-organization': 'org-bench' } }, response: { remove: ['server'] } },
  },
];

/** Builds the bundle that all of them run, and its code cache, as the image has it. */
export async function buildSluice(): Promise<void> {
  for (const name of existsSync(dist) ? readdirSync(dist) : []) if (name.endsWith('.cache')) rmSync(join(dist, name));
  run('esbuild.mjs');
  const port = async () => `127.0.0.1:${await freePort()}`;
  run('dist/warm-up.js', '--listen', await port(), '--admin', await port());
}

function run(script: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [join(root, script), ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the bundle could not be built, ${script} failed: ${stderr}`);
}

/** The command that the image runs, with this machine's Node. */
export function sluiceCommand(): string[] {
  const entry = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1] ?? '[]';
  const [, ...args] = JSON.parse(entry) as string[];
  return [process.execPath, ...args.map((arg) => (arg.endsWith('sluice.js') ? bundle : arg))];
}

export function sluice(name: string, setting: SluiceSetting): Contender {
  return {
    name,
    version: () => packageJson.version,
    async start({ upstream, folder, spawn }) {
      // Alone in its directory, which Sluice watches: what the process writes goes to a file in `folder`.
      const own = join(folder, 'config');
      mkdirSync(own);
      const file = join(own, 'proxy.yaml');
      writeFileSync(file, yamlOf(upstream, setting));
      const command = setting.fromSource === true ? [process.execPath, join(root, 'src/main.ts')] : sluiceCommand();
      const env = { BENCH_KEY: 'sk-bench-key-1234', ...setting.env };
      const { pid, said } = spawn([...command, '--config', file], { env });
      const [, url] = await said(/"listen":\["([^"]+)"/);
      return { pid, target: { url: `${url}/bench/v1/chat/completions`, headers: { 'x-player-id': 'p1' } } };
    },
  };
}

function yamlOf(upstream: string, setting: SluiceSetting): string {
  const { policies = [], telemetry, redis, dialect = 'none', routes = [] } = setting;
  const others = routes.map((path) => ({ path, upstream: dialect }));
  return proxyYaml({
    upstream,
    dialect,
    policies,
    // On a busy machine a rush of streams may take longer to connect than the default allows.
    upstreamOptions: { pool: { connections: 8192 }, timeouts: { connect: '30s' } },
    extra: {
      routes: [...others, { path: '/bench', upstream: dialect }],
      telemetry: { ...(dialect === 'none' ? { usage: 'off' } : {}), ...telemetry },
      ...(redis === undefined ? {} : { redis: { url: redis } }),
    },
  });
}
