import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { dockerfile, root, text } from './repository.ts';

const run = promisify(execFile);
let app = '';

// The folder of the image: what its last stage copies, from a build of this tree, and no node_modules anywhere above.
before(async () => {
  app = await mkdtemp(join(tmpdir(), 'sluice-image-'));
  await run(process.execPath, [join(root, 'esbuild.mjs'), '--outdir', join(app, 'dist')]);
  for (const path of copiedFromBuild()) {
    if (!path.startsWith('dist/')) await copyFile(join(root, path), join(app, basename(path)));
  }
});
after(() => rm(app, { recursive: true, force: true }));

/** Paths, from the top level, that the last stage takes from the build stage. */
function copiedFromBuild(): string[] {
  const lines = dockerfile().filter((line) => line.instruction === 'COPY' && line.rest.startsWith('--from=build '));
  assert.ok(lines.length > 0);
  return lines.flatMap((line) => line.rest.split(' ').slice(1, -1)).map((path) => path.replace(/^\/build\//, ''));
}

/** Whether the builder is given a path, by the `!path` lines of .dockerignore. */
function inContext(path: string): boolean {
  const lines = text('.dockerignore').split('\n');
  assert.ok(lines.includes('*'), 'everything is left out unless named');
  return lines.includes(`!${path.split('/')[0]}`);
}

test('every file that the image copies is in the tree, and given to the builder, or is made by the build', async () => {
  const fromTree = dockerfile()
    .filter((line) => line.instruction === 'COPY' && !line.rest.startsWith('--'))
    .flatMap((line) => line.rest.split(' ').slice(0, -1))
    .filter((path) => path !== '.');
  assert.ok(fromTree.includes('package.json'));
  for (const path of [...fromTree, ...copiedFromBuild().filter((path) => !path.startsWith('dist/'))]) {
    assert.ok((await stat(join(root, path))).isFile(), path);
    assert.ok(inContext(path), `${path} is left out by .dockerignore`);
  }
  for (const path of ['src', 'policies', 'esbuild.mjs']) assert.ok(inContext(path), path);
  const made = copiedFromBuild().filter((path) => path.startsWith('dist/'));
  assert.ok(made.includes('dist/sluice.js'));
  for (const path of made) assert.ok((await stat(join(app, path))).size > 0, path);
});

test('the bundle is what the image starts, executable, and finds proxy.yaml as shipped right', async () => {
  const entry = dockerfile().find((line) => line.instruction === 'ENTRYPOINT')?.rest ?? '[]';
  const command: string[] = JSON.parse(entry);
  assert.equal(command.at(-1), '/app/dist/sluice.js');
  assert.ok(command.includes('--max-old-space-size-percentage=60'));
  assert.ok(command.includes('--report-exclude-env'), 'keys in the environment stay out of reports');
  const bundle = join(app, 'dist/sluice.js');
  assert.ok((await readFile(bundle, 'utf8')).startsWith('#!/usr/bin/env node\n'));
  assert.equal((await stat(bundle)).mode & 0o111, 0o111);
  await run(
    process.execPath,
    [...command.slice(1, -1), bundle, 'check', '--no-dns', '--config', join(app, 'proxy.yaml')],
    {
      cwd: app,
      env: {},
    },
  );
});

test('the notices hold the licence of every package in the bundle', async () => {
  const notices = await readFile(join(app, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
  for (const name of ['http-proxy-3', 'undici', 'ioredis', 'pino', '@opentelemetry/api', 'prom-client', 'typebox']) {
    const at = notices.indexOf(`\n${name}@`);
    assert.ok(at >= 0, name);
    assert.match(notices.slice(at, at + 1500), /copyright|apache license/i, name);
  }
});

test('the list of components names what the bundle holds, at the versions of the lock file, and nothing else', async () => {
  const bom: { specVersion: string; components: { name: string; version: string; purl: string; hashes: unknown[] }[] } =
    JSON.parse(await readFile(join(app, 'dist/sbom.cdx.json'), 'utf8'));
  assert.equal(bom.specVersion, '1.6');
  const { packages } = JSON.parse(text('package-lock.json')) as {
    packages: Record<string, { version?: string; dev?: boolean }>;
  };
  const notices = await readFile(join(app, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
  for (const { name, version, purl, hashes } of bom.components) {
    const locked = Object.entries(packages).filter(([path]) => path.endsWith(`node_modules/${name}`));
    assert.ok(
      locked.some(([, entry]) => entry.version === version && entry.dev !== true),
      `${name}@${version} is no production package of the lock file`,
    );
    assert.equal(purl, `pkg:npm/${name.replace('@', '%40')}@${version}`);
    assert.equal(hashes.length, 1, name);
    assert.ok(notices.includes(`\n${name}@${version} (`), name);
  }
  const names = new Set(bom.components.map(({ name }) => name));
  // CommonJS modules are known in the bundle by their paths.
  const bundle = await readFile(join(app, 'dist/sluice.cjs'), 'utf8');
  const held = [...bundle.matchAll(/node_modules\/((?:@[^/"]+\/)?[^/"]+)\/[^"]*"\(/g)].map(([, name = '']) => name);
  assert.ok(held.includes('ioredis'));
  for (const name of held) assert.ok(names.has(name), `${name} is in the bundle`);
});
