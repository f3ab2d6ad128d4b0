/**
 * Bases for a build without a registry of images: Debian with Node and npm to build in, and one like distroless to run
 * on, with this process's Node, the libraries that it needs, and no shell.
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { command } from './command.ts';

const authorities = '/etc/ssl/certs/ca-certificates.crt';
/** npm trusts whom this machine trusts. */
const buildEnv = ['PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', `NODE_EXTRA_CA_CERTS=${authorities}`];

/** Names of the two images in buildah's storage. */
export const bases = { build: 'localhost/sluice-test-build-base', run: 'localhost/sluice-test-base' } as const;

/** Makes what is not in the storage yet; the one to build in stays there, for the next time. */
export async function makeBases(): Promise<void> {
  const there = await command('buildah', 'images', '--format', '{{.Name}}');
  if (!there.split('\n').includes(bases.build)) await makeBase(bases.build, buildEnv, fillBuildBase);
  await makeBase(bases.run, [], fillRunBase);
}

async function makeBase(name: string, env: readonly string[], fill: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-base-'));
  try {
    await fill(folder);
    const container = await command('buildah', 'from', 'scratch');
    await command('buildah', 'add', container, folder, '/');
    for (const variable of env) await command('buildah', 'config', '--env', variable, container);
    await command('buildah', 'commit', '--rm', '--format', 'docker', container, name);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fillBuildBase(folder: string): Promise<void> {
  await command('debootstrap', '--variant=minbase', 'bookworm', folder);
  await put(process.execPath, join(folder, 'usr/local/bin/node'));
  await put(authorities, join(folder, authorities));
  const npm = process.env.npm_execpath;
  if (npm === undefined) throw new Error('run it as `npm run test:image`: npm is put into the base, too');
  await put(dirname(dirname(npm)), join(folder, 'usr/local/lib/node_modules/npm'));
  await command('ln', '-s', '../lib/node_modules/npm/bin/npm-cli.js', join(folder, 'usr/local/bin/npm'));
}

async function fillRunBase(folder: string): Promise<void> {
  await put(process.execPath, join(folder, 'nodejs/bin/node'));
  const libraries = (await command('ldd', process.execPath)).matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm);
  for (const [, path = ''] of libraries) await put(path, join(folder, path));
  await put(authorities, join(folder, authorities));
  await writeFile(join(folder, 'etc/passwd'), 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n');
  // chmod, for the umask takes bits from mkdir's mode.
  await command('install', '-d', '-m', '1777', join(folder, 'tmp'));
  for (const mounted of ['proc', 'dev', 'sys']) await mkdir(join(folder, mounted));
}

async function put(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { recursive: true, dereference: true });
}
