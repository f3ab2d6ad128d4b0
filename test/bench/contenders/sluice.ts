/** Sluice as it is shipped, its bundle started as the image starts it, with more and more switched on. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import packageJson from '../../../package.json' with { type: 'json' };
import { proxyYaml } from '../../support/proxy-yaml.ts';
import type { Contender } from './contender.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const bundle = join(root, 'dist/sluice.js');

/** What is switched on. */
export interface SluiceSetting {
  readonly policies?: readonly object[];
  readonly telemetry?: object;
  readonly redis?: string;
  /** Default none: usage is not read. */
  readonly dialect?: string;
  readonly extra?: object;
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

/** Builds the bundle that all of them run. */
export function buildSluice(): void {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'esbuild.mjs')], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the bundle could not be built: ${stderr}`);
}

/** The command that the image runs, with this machine's Node. */
export function sluiceCommand(): string[] {
  const entry = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1] ?? '[]';
  const [, ...args] = JSON.parse(entry) as string[];
  return [process.execPath, ...args.map((arg) => (arg.endsWith('sluice.js') ? bundle : arg))];
}

export function sluice(name: string, setting: SluiceSetting): Contender {
  return {
    name: `Sluice, ${name}`,
    version: () => packageJson.version,
    async start({ upstream, folder, spawn }) {
      const file = join(folder, 'proxy.yaml');
      const { policies = [], telemetry, redis, dialect = 'none', extra } = setting;
      const yaml = proxyYaml({
        upstream,
        dialect,
        route: '/bench',
        policies,
        upstreamOptions: { pool: { connections: 8192 } },
        extra: {
          ...extra,
          telemetry: { ...(dialect === 'none' ? { usage: 'off' } : {}), ...telemetry },
          ...(redis === undefined ? {} : { redis: { url: redis } }),
        },
      });
      writeFileSync(file, yaml);
      const { pid, said } = spawn([...sluiceCommand(), '--config', file], { env: { BENCH_KEY: 'sk-bench-key-1234' } });
      const [, url] = await said(/"listen":\["([^"]+)"/);
      return { pid, target: { url: `${url}/bench/v1/chat/completions`, headers: { 'x-player-id': 'p1' } } };
    },
  };
}
