/** A Sluice in a process of its own, with everything it speaks to, all of it recorded. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { inheritedBreak } from '../support/broken-build.ts';
import { freePort } from '../support/free-port.ts';
import type { RawUpstream } from '../support/raw-upstream.ts';
import { type PrivateRedis, startRedis } from '../support/redis.ts';
import { selfSignedCertificate } from '../support/self-signed-certificate.ts';
import { type SluiceProcess, spawnSluice } from '../support/spawn-sluice.ts';
import { rsaSigner } from '../support/token-issuer.ts';
import { hashesOfKeys } from './caller-configuration.ts';
import { Captures } from './captures.ts';
import { type Configured, configure } from './configuration.ts';
import { type MountedFiles, mountFiles } from './mounted-files.ts';
import {
  type Neighbour,
  startCollector,
  startEgressProxy,
  startKeySet,
  startRedisWire,
  startTlsUpstream,
  type TlsUpstream,
} from './neighbours.ts';
import { GIVEN, makeSecrets, type PlaceName } from './places.ts';
import { privateKeySecret, type Secret } from './secrets.ts';
import { withTokens } from './tokens.ts';
import { startUpstream } from './upstream.ts';

/** See the module. */
export interface Scene {
  readonly t: TestContext;
  readonly captures: Captures;
  readonly secrets: Readonly<Record<PlaceName, Secret>>;
  /** Secrets that only the scan knows: what is no text that could be sent. */
  readonly more: ReadonlyMap<string, Secret>;
  readonly configured: Configured;
  readonly redis: PrivateRedis;
  readonly collector: Neighbour;
  readonly tls: TlsUpstream;
  readonly mounted: MountedFiles;
  /** Starts a Sluice with these options of Node; what it says is in the sinks `log` and `stderr` once it has ended. */
  start(nodeOptions: readonly string[], args?: readonly string[]): SluiceProcess;
  /** Makes the upstream `away` answer. */
  comeBack(): Promise<void>;
  /** Puts what was received by now, and what lies in Redis and in the working directory, among the captures. */
  collect(): Promise<void>;
}

/** Starts all but Sluice. */
export async function setScene(t: TestContext): Promise<Scene> {
  const captures = new Captures();
  const issuer = await rsaSigner();
  const secrets = await withTokens(makeSecrets(), issuer);
  const password = secrets['password of Redis'].text;
  const redis = await startRedis(t, ['--user', 'sluice', 'on', `>${password}`, '~*', '&*', '+@all']);
  const [own, client] = [selfSignedCertificate(), selfSignedCertificate('sluice')];
  const tls = await startTlsUpstream(t, captures, own, client);
  const start = async (name: string) => [name, await startUpstream(name, secrets, t)] as const;
  const upstreams = new Map(
    await Promise.all(['openai', 'anthropic', 'vllm', 'passing', 'pool-a', 'pool-b'].map(start)),
  );
  const port = (name: string) => upstreams.get(name)?.port ?? 0;
  const egressProxy = await startEgressProxy(t, captures, tls.port);
  const collector = await startCollector(t, captures, () => 200);
  const wire = await startRedisWire(t, captures, redis.port);
  const keySet = await startKeySet(t, captures, [issuer.jwk]);
  const away = await freePort();
  const ports = {
    openai: port('openai'),
    anthropic: port('anthropic'),
    vllm: port('vllm'),
    passing: port('passing'),
    mtls: tls.port,
    egressProxy: egressProxy.port,
    away,
    redis: wire.port,
    collector: collector.port,
    'pool-a': port('pool-a'),
    'pool-b': port('pool-b'),
    jwks: keySet.port,
  };
  const mounted = await mountFiles(t, secrets);
  const configured = await configure(t, secrets, ports, { ca: own.cert, client }, mounted);
  captures.add(GIVEN, `${configured.yaml}\n${JSON.stringify(configured.env)}\n`);
  return {
    t,
    captures,
    secrets,
    more: new Map([
      ['private key of the client certificate', privateKeySecret(client.key)],
      ...hashesOfKeys(configured.yaml),
    ]),
    mounted,
    configured,
    redis,
    collector,
    tls,
    start: (nodeOptions, args = ['--no-watch', '--config', configured.file]) => {
      const { NODE_OPTIONS = '', ...inherited } = inheritedBreak();
      const env = { ...inherited, ...configured.env, NODE_OPTIONS: [NODE_OPTIONS, ...nodeOptions].join(' ').trim() };
      const sluice = spawnSluice(args, env, { t, cwd: configured.work });
      sluice.exited
        .then(() => {
          captures.add('log', sluice.stdout);
          captures.add('stderr', sluice.stderr);
        })
        .catch(() => undefined);
      return sluice;
    },
    async comeBack() {
      upstreams.set('away', await startUpstream('away', secrets, t, away));
    },
    async collect() {
      for (const [name, { received }] of upstreams) addReceived(captures, name, received);
      await addRedis(captures, redis);
      await addFiles(captures, configured.work);
    },
  };
}

function addReceived(captures: Captures, name: string, received: RawUpstream['received']): void {
  for (const connection of received)
    captures.add(`upstream:${name}`, Buffer.concat([...connection, Buffer.from('\n')]));
}

/** Every key with its value, whatever its type. */
async function addRedis(captures: Captures, redis: PrivateRedis): Promise<void> {
  const keys = (await redis.command('KEYS', '*')) as string[];
  for (const key of keys) {
    captures.add('Redis keys', `${key}\n`);
    const type = String(await redis.command('TYPE', key));
    const read: Readonly<Record<string, readonly string[]>> = {
      string: ['GET', key],
      hash: ['HGETALL', key],
      zset: ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
      list: ['LRANGE', key, '0', '-1'],
      set: ['SMEMBERS', key],
    };
    const [name, ...args] = read[type] ?? [];
    if (name === undefined) throw new Error(`a Redis key of a type that cannot be looked into: ${type}`);
    captures.add('Redis keys', `${JSON.stringify(await redis.command(name, ...args))}\n`);
  }
}

async function addFiles(captures: Captures, folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    captures.add('files', `${name}\n`);
    const path = join(folder, name);
    if ((await stat(path)).isFile()) captures.add('files', await readFile(path));
  }
}
